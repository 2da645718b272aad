"""Does a backup that is there already come back? What the checks of a drill do not ask, or ask otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.checks import proof_metrics
from harness.checks.backup import copied, copies, hook_reasons, whole_report
from harness.checks.data import Difference, differences
from harness.checks.health import recorded, texts
from harness.checks.proof_metrics import Judged
from harness.checks.tool_messages import causes
from harness.core.errors import Unreadable
from harness.core.model import Event, Finding, Json, Verdict
from harness.core.reason import Reason, by_precedence
from harness.evidence.run_directory import Run

CLOCKS = timedelta(minutes=5)
"""By so much the clock of a pod may differ from Velero's."""

FEW = 5


@dataclass(frozen=True)
class Said:
    """A finding of a database, but for the check and the database. `reasons` begin with the finding's own."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    detail: str
    hint: str = ""
    objects: tuple[str, ...] = ()

    def of(self, check: str, database: Judged) -> Finding:
        """The finding itself."""
        reason, *others = self.reasons
        whose = (database.kind, database.place)
        return Finding(check, self.verdict, reason, self.detail, self.hint, *whose, self.objects, tuple(others))


class BucketUnchanged:
    """The bucket holds after the proof, byte for byte by its own listing, what it held before."""

    name = "source-unchanged"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding."""
        before, after = (run.of("listing", when=when) for when in ("before", "after"))
        if not before or not after:
            return (
                Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, "the bucket was not listed before and after"),
            )
        if any(before[0].data.get(of) != after[-1].data.get(of) for of in ("sha256", "objects", "bytes")):
            said = few(after[-1].data.get("differences"))
            hint = "drillproof only lists and reads; who else writes there? Prove at a time when no backup is taken"
            detail = f"the bucket changed meanwhile: {said}"
            objects = texts(after[-1].data.get("changed"))
            return (Finding(self.name, Verdict.FAIL, Reason.BucketChanged, detail, hint, objects=objects),)
        if not before[0].data.get("sha256"):
            return (Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, "the bucket's listing was not noted"),)
        detail = f"all {before[0].data.get('objects')} objects have the sizes and ETags that they had before"
        return (Finding(self.name, Verdict.PASS, Reason.AsExpected, detail),)


class ProvedBackupComplete:
    """The tool called its backup whole, no hook of it failed, and each of its copies has all its bytes."""

    name = "backup-complete"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for the backup, one for its hooks, one for each copy."""
        reports = run.of("backup")
        if not reports:
            return (Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, "there is no record of the backup"),)
        report = reports[-1].data
        return (
            whole_report(self.name, "backup", report),
            self._hooks(run, report),
            *self._missed(run),
            *self._copies(report),
        )

    def _hooks(self, run: Run, report: Mapping[str, Json]) -> Finding:
        asked, ran, failed = _backup(run).get("hooks"), report.get("hooks_attempted"), report.get("hooks_failed")
        if not isinstance(asked, int) or not isinstance(ran, int):
            detail = "how many hooks should run, or ran, was not noted"
            return Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, detail)
        if failed != 0 or ran < asked:  # the backup itself may have had hooks beside those of its pods
            hint = "without its hook a database is copied as it stands, or an old dump is"
            reason, *others = hook_reasons(min(asked, ran) if failed else asked, ran, failed)
            detail = f"{asked} hooks asked for, {ran} ran, {failed} failed"
            return Finding(self.name, Verdict.FAIL, reason, detail, hint, causes=tuple(others))
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, f"{ran} hooks ran, none failed")

    def _missed(self, run: Run) -> Iterator[Finding]:
        missed = _backup(run).get("missed")
        if not isinstance(missed, list):
            yield Finding(
                self.name, Verdict.UNKNOWN, Reason.NotRecorded, "which volumes should be copied was not noted"
            )
        elif missed:
            hint = "the tool says nothing of them: did the pod run, is the volume a hostPath?"
            detail, objects = f"asked for, and not copied at all: {few(missed)}", texts(missed)
            yield Finding(self.name, Verdict.FAIL, Reason.VolumeNotBackedUp, detail, hint, objects=objects)

    def _copies(self, report: Mapping[str, Json]) -> Iterator[Finding]:
        found = copies(report)
        if not found:
            hint = "are its volumes snapshots of the storage, or not annotated for the file-system backup?"
            detail = "the bucket holds no copy of any volume"
            yield Finding(self.name, Verdict.FAIL, Reason.VolumeNotBackedUp, detail, hint)
        for (pod, volume), copy in found.items():
            yield copied(self.name, volume, copy, "", pod)


class ClaimsRestored:
    """Every persistent volume claim of the backup is there, and bound to a volume."""

    name = "claims-back"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding."""
        wanted = _backup(run).get("claims")
        noted = run.of("volumes", when="after")
        if not isinstance(wanted, list) or not noted:
            return (
                Finding(
                    self.name, Verdict.UNKNOWN, Reason.NotRecorded, "which claims should or do exist was not noted"
                ),
            )
        listed = noted[-1].data.get("volumes")
        bound = {
            str(volume.get("claim"))
            for volume in (listed if isinstance(listed, list) else [])
            if isinstance(volume, dict) and volume.get("volume_uid")
        }
        if lacking := [str(claim) for claim in wanted if claim not in bound]:
            detail = f"did not come back, or have no volume: {', '.join(lacking)}"
            objects = tuple(f"claim {claim}" for claim in lacking)
            return (Finding(self.name, Verdict.FAIL, Reason.ClaimMissing, detail, objects=objects),)
        detail = f"all {len(wanted)} claims are there with their volumes"
        return (Finding(self.name, Verdict.PASS, Reason.AsExpected, detail),)


class DatabasesSound:
    """Every database answers, holds something, and passes its own check of its integrity."""

    name = "databases-sound"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a database."""
        return tuple(self._database(run, database) for database in read_databases(run))

    def _database(self, run: Run, database: Judged) -> Finding:
        said = (
            _no_answer(run, database) or _not_restored(database) or _own_check(run, database) or _content(run, database)
        )
        return said.of(self.name, database)


class FingerprintEqual:
    """Every database holds what its fingerprint says, which a hook of this very backup wrote.

    Where none was taken that cannot be known. It is UNKNOWN, unless this was expressly not asked.
    """

    name = "data-equal"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a database; none for one without a fingerprint where it was not asked for."""
        told = (self._database(run, database) for database in read_databases(run))
        return tuple(finding for finding in told if finding)

    def _database(self, run: Run, database: Judged) -> Finding | None:
        if not database.fingerprint and proof_metrics.asked(run.facts) == proof_metrics.SOUND:
            return None
        said = _no_fingerprint(run, database) or _equality(run, database)
        return said.of(self.name, database)


def _no_answer(run: Run, database: Judged) -> Said | None:
    """Why a database told nothing; None if it answered."""
    if nowhere := run.of("unread", what="health", store=database.key):
        hint = "nothing can be said of the backup; prove it where its pods can run"
        message = nowhere[-1].data.get("message")
        reasons = (Reason.NotReadBack, *causes(message))
        return Said(Verdict.UNKNOWN, reasons, f"could not run here: {message}", hint)
    health = run.of("health", when="after", store=database.key)
    if not health:
        return Said(Verdict.UNKNOWN, (Reason.NotReadBack,), "was not asked")
    if health[-1].data.get("ok") is not True:
        hint = "bundle/ has its logs; where a restore needs a hand, give it one with --after restore=CMD"
        detail = health[-1].data.get("detail")
        more = by_precedence({*recorded(health[-1].data, "detail"), *causes(detail)} - {Reason.NotAnswering})
        return Said(Verdict.FAIL, (Reason.NotAnswering, *more), f"does not answer: {detail}", hint)
    return None


def _not_restored(database: Judged) -> Said | None:
    """Why what a database says is no word of the backup; None if it is."""
    if database.copied:
        return None
    hint = "annotate its pod for the file-system backup; what came up here was made anew, whatever rows it has"
    detail = "answers, and the backup has no copy of any volume of its pod"
    return Said(Verdict.UNKNOWN, (Reason.NotFromBackup,), detail, hint)


def _own_check(run: Run, database: Judged) -> Said | None:
    """Why its own check speaks against a database, or says nothing; None if it found all sound."""
    checked = run.of("sound", store=database.key)
    if not checked:
        why = _unread(run, "sound", database)
        return Said(Verdict.UNKNOWN, (Reason.IntegrityNotChecked, *causes(why)), f"could not check itself: {why}")
    sound = checked[-1].data
    if damaged := sound.get("damaged"):
        reasons = (Reason.DataCorrupted, *causes(damaged))
        return Said(Verdict.FAIL, reasons, f"says that its data are damaged: {few(damaged)}", objects=texts(damaged))
    if unchecked := sound.get("unchecked"):
        reasons = (Reason.IntegrityNotChecked,)
        return Said(Verdict.UNKNOWN, reasons, f"could not check: {few(unchecked)}", objects=texts(unchecked))
    if not _sound_parts(sound):
        return Said(Verdict.UNKNOWN, (Reason.IntegrityNotChecked,), "found nothing to check")
    return None


def _content(run: Run, database: Judged) -> Said:
    """What a sound database holds."""
    read = parts_of(run, "after", database)
    if read is None:
        why = _unread(run, "digest", database)
        return Said(Verdict.UNKNOWN, (Reason.NotReadBack, *causes(why)), f"could not be read: {why}")
    if not proof_metrics.rows(read):
        hint = "one that was made anew, and not restored, looks like this"
        return Said(Verdict.UNKNOWN, (Reason.DatabaseEmpty,), "answers, and holds no row of any user", hint)
    sound = run.of("sound", store=database.key)[-1].data
    notes = few(sound.get("notes"))
    detail = f"{_sound_parts(sound)} parts sound, {proof_metrics.rows(read)} rows{f'; {notes}' if notes else ''}"
    return Said(Verdict.PASS, (Reason.AsExpected,), detail)


def _sound_parts(sound: Mapping[str, Json]) -> int:
    count = sound.get("sound")
    return count if isinstance(count, int) else 0


def _no_fingerprint(run: Run, database: Judged) -> Said | None:
    """Why there is nothing to hold a database against; None if there is."""
    if not database.fingerprint:
        hint = "let a hook take fingerprints (docs/how-to/prove.md), or ask less with --without-fingerprint"
        detail = "nobody knows what its data were: no fingerprint was taken"
        return Said(Verdict.UNKNOWN, (Reason.NoFingerprint,), detail, hint)
    if not parts_of(run, "before", database):
        why = _unread(run, "fingerprint", database)
        detail = f"its fingerprint {database.fingerprint} was not read: {why}"
        return Said(Verdict.UNKNOWN, (Reason.FingerprintUnreadable, *causes(why)), detail)
    if doubt := _stale(run, database):
        hint = "did the hook run, and write to a volume that is copied?"
        return Said(Verdict.UNKNOWN, (Reason.FingerprintStale,), doubt, hint)
    return None


def _equality(run: Run, database: Judged) -> Said:
    """What came of holding a database against its fingerprint."""
    before, after = (parts_of(run, when, database) for when in ("before", "after"))
    if before is None or after is None:
        why = _unread(run, "digest", database)
        return Said(Verdict.UNKNOWN, (Reason.NotReadBack, *causes(why)), f"its data were not read: {why}")
    if differ := differences(before, after):
        hint = "lost or altered, or written to between its fingerprint and the copy, or after it came back"
        return not_equal(differ, few([each.detail for each in differ]), hint)
    detail = f"{len(before)} parts, {proof_metrics.rows(before)} rows equal to the fingerprint"
    return Said(Verdict.PASS, (Reason.AsExpected,), detail)


def not_equal(differ: Sequence[Difference], detail: str, hint: str) -> Said:
    """The FAIL of a database that does not hold what it should."""
    reasons = by_precedence(each.reason for each in differ)
    return Said(Verdict.FAIL, reasons, detail, hint, tuple(each.part for each in differ))


def _stale(run: Run, database: Judged) -> str:
    """Why the fingerprint is not of this backup; "" if it is. An old one agrees with an old dump."""
    taken = run.of("fingerprint", store=database.key)
    times = _backup(run)
    try:
        at = datetime.fromisoformat(str(taken[-1].data.get("taken"))) if taken else None
        started, completed = (datetime.fromisoformat(str(times.get(name))) for name in ("started", "completed"))
        if at is None:
            return "its fingerprint does not say when it was taken"
        if not started - CLOCKS <= at <= completed + CLOCKS:
            return f"its fingerprint is of {at.isoformat()}, and the backup ran from {started.isoformat()}"
    except (ValueError, TypeError) as error:
        return f"when its fingerprint or the backup was taken cannot be told: {error}"
    return ""


def _backup(run: Run) -> Mapping[str, Json]:
    """What run.json says of the backup."""
    backup = run.facts.get("backup")
    return backup if isinstance(backup, dict) else {}


def read_databases(run: Run) -> tuple[Judged, ...]:
    """All databases by run.json."""
    try:
        return proof_metrics.databases(run.facts)
    except ValueError as error:
        raise Unreadable(run.path / "run.json", 0, str(error)) from error


def parts_of(run: Run, when: str, database: Judged) -> Mapping[str, Json] | None:
    """What a database told of its data at that time; None if it told nothing."""
    events: tuple[Event, ...] = run.of("digest", when=when, store=database.key)
    parts = events[-1].data.get("parts") if events else None
    return parts if isinstance(parts, Mapping) else None


def _unread(run: Run, what: str, database: Judged) -> str:
    events = run.of("unread", what=what, store=database.key)
    return str(events[-1].data.get("message")) if events else "it was not asked"


def few(listed: Json | list[str]) -> str:
    """The first of many lines, and how many more there are."""
    lines = [str(line) for line in listed] if isinstance(listed, list | tuple) else []
    return "; ".join([*lines[:FEW], *([f"and {len(lines) - FEW} more"] if len(lines) > FEW else [])])
