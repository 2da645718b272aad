"""What the checks of a proof, and of a migration's target, judge in addition to or instead of those of a drill."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from harness.checks import proof_metrics
from harness.checks.check import check, failed, few, latest, objects_of, passed, recorded, texts, unknown
from harness.checks.data import answered_by_another, differences, differing
from harness.checks.proof_metrics import Judged
from harness.checks.tool_messages import causes
from harness.core.errors import Unreadable
from harness.core.json import at, integer, items, mapping
from harness.core.model import Finding, Json
from harness.core.reason import Reason
from harness.evidence.run_directory import MOVE, PROOF, Run

CLOCK_SKEW = timedelta(minutes=5)
"""By how much the clock of a pod may differ from Velero's."""


NOT_LET_IN = {Reason.CredentialsRejected, Reason.ClientMissing}
"""Causes for which a running database could not be asked."""

_NOT_LOGGED_IN = (
    "could not log in",
    "give its container an administrator's password as its image does, and a client (docs/how-to/prove.md)",
)
_NOT_RUN = "could not run here", "prove it where its pods can run; this run says nothing about the backup"


@check("source-unchanged", PROOF)
def bucket_unchanged(run: Run) -> Finding:
    """The backup's objects (names, sizes, ETags) are the same before and after, and drillproof wrote nothing.

    Other backups, and the maintenance of repositories, go on meanwhile.
    """
    before, after = (run.of("listing", when=when) for when in ("before", "after"))
    if not before or not after:
        return unknown(Reason.NotRecorded, "the bucket was not listed before and after")
    data = after[-1].data
    if not before[0].data.get("sha256") or not data.get("sha256"):
        return unknown(Reason.NotRecorded, "the bucket's listing is not recorded")
    differs = any(before[0].data.get(of) != data.get(of) for of in ("sha256", "objects", "bytes"))
    # Runs from before `touched` do not say what of the bucket belongs to the backup.
    touched = texts(data.get("touched", data.get("changed")))
    if touched or (differs and "touched" not in data):
        detail = f"the backup changed in the bucket during the proof: {few(items(data, 'differences'))}"
        return failed(Reason.BucketChanged, detail, objects=touched)
    detail = (
        f"the backup's objects are as before; others changed: {few(items(data, 'differences'))}"
        if differs
        else f"all {data.get('objects')} objects have the same size and ETag as before"
    )
    return passed(detail)


@check("claims-back", PROOF, MOVE)
def claims_restored(run: Run) -> Finding:
    """Every persistent volume claim of the backup exists, and is bound to a volume."""
    wanted, volumes = at(run.facts, "backup", "claims"), latest(run, "volumes", when="after")
    if not isinstance(wanted, list) or volumes is None:
        return unknown(Reason.NotRecorded, "which claims should exist, or do exist, is not recorded")
    uids = {str(each.get("claim")): each.get("volume_uid") for each in objects_of(volumes, "volumes")}
    # A storage class may bind a claim only when a pod mounts it.
    waiting = [claim for claim in texts(at(run.facts, "backup", "unmounted")) if claim in uids and not uids[claim]]
    if lacking := [claim for claim in map(str, wanted) if not uids.get(claim) and claim not in waiting]:
        detail = f"not restored, or without a volume: {', '.join(lacking)}"
        return failed(Reason.ClaimMissing, detail, objects=[f"claim {claim}" for claim in lacking])
    detail = f"all {len(wanted) - len(waiting)} mounted claims exist with their volumes"
    return passed(f"{detail}; mounted by no pod, so without a volume: {', '.join(waiting)}" if waiting else detail)


@check("databases-sound", PROOF, MOVE)
def databases_sound(run: Run) -> Iterator[Finding]:
    """Every database answers, holds data, and passes its own integrity check; none is passed over."""
    for each in read_databases(run):
        yield each.named(_no_answer(run, each) or _not_sound(run, each) or _user_data(run, each))
    if passed_over := texts(at(run.facts, "backup", "not_judged")):
        yield unknown(Reason.DatabaseNotJudged, f"not judged: {few(passed_over)}", objects=passed_over)


def _no_answer(run: Run, database: Judged) -> Finding | None:
    if (unread := latest(run, "unread", what="health", store=database.key)) is not None:
        message = unread.get("message")
        why = causes(message)
        said, hint = _NOT_LOGGED_IN if NOT_LET_IN & set(why) else _NOT_RUN
        return unknown(Reason.NotReadBack, f"{said}: {message}", hint, causes=why)
    health = latest(run, "health", when="after", store=database.key)
    if health is None:
        return unknown(Reason.NotReadBack, "was not queried")
    if health.get("ok") is True:
        return None
    detail = health.get("detail")
    why = (*recorded(health, "detail"), *causes(detail))
    return failed(Reason.NotAnswering, f"does not answer: {detail}", causes=why)


def _not_sound(run: Run, database: Judged) -> Finding | None:
    """What the database's own check found, or why it found nothing; None if all is sound, and from the backup."""
    if not database.copied:
        reason, detail = Reason.NotFromBackup, "answers, but the backup has no copy of a volume of its pod"
        if database.moved:
            reason = Reason.VolumeNotRestorable
            detail = "answers, but drillproof cannot restore the copy of its volume's snapshot (snapshotMoveData)"
        return unknown(reason, detail)
    sound = latest(run, "sound", store=database.key)
    if sound is None:
        return not_read(run, "sound", database, Reason.IntegrityNotChecked, "its integrity check did not run")
    if damaged := sound.get("damaged"):
        detail, older = f"reports damaged data: {few(items(damaged))}", "restore an older backup, and prove it"
        return failed(Reason.DataCorrupted, detail, older, objects=texts(damaged), causes=causes(damaged))
    if unchecked := sound.get("unchecked"):
        detail = f"could not check: {few(items(unchecked))}"
        return unknown(Reason.IntegrityNotChecked, detail, objects=texts(unchecked))
    if not integer(sound, "sound"):
        return unknown(Reason.IntegrityNotChecked, "found nothing to check")
    return None


def _user_data(run: Run, database: Judged) -> Finding:
    read, sound = parts_of(run, "after", database), latest(run, "sound", store=database.key)
    if read is None:
        return not_read(run, "digest", database, Reason.NotReadBack, "could not be read")
    if another := _answered_by_another(run, database):
        return another
    rows = proof_metrics.rows(read)
    if not rows:
        return unknown(Reason.DatabaseEmpty, "answers, and holds no user data")
    notes = few(items(sound, "notes"))
    return passed(f"{integer(sound, 'sound')} parts sound, {rows} rows{notes and f'; {notes}'}")


@check("data-equal", PROOF)
def fingerprint_equal(run: Run) -> Iterator[Finding]:
    """Every database equals its fingerprint, which a hook of this backup wrote.

    Without a fingerprint that is UNKNOWN, unless the user asked only whether the databases are sound.
    """
    sound_only = run.facts.get("asked") == proof_metrics.SOUND
    asked = [each for each in read_databases(run) if each.fingerprint or not sound_only]
    return (each.named(_no_fingerprint(run, each) or _equality(run, each)) for each in asked)


def _no_fingerprint(run: Run, database: Judged) -> Finding | None:
    if not database.fingerprint:
        return unknown(Reason.NoFingerprint, "no fingerprint of its data was taken")
    if not parts_of(run, "before", database):
        detail = f"its fingerprint {database.fingerprint} was not read"
        return not_read(run, "fingerprint", database, Reason.FingerprintUnreadable, detail)
    doubt = _stale(run, database)
    return unknown(Reason.FingerprintStale, doubt) if doubt else None


def _equality(run: Run, database: Judged) -> Finding:
    before, after = (parts_of(run, when, database) for when in ("before", "after"))
    if before is None or after is None:
        return not_read(run, "digest", database, Reason.NotReadBack, "its data were not read")
    if another := _answered_by_another(run, database):
        return another
    if found := differences(before, after):
        hint = "check for writes between fingerprint and backup, or after the restore; else data were lost"
        return differing(found, hint)
    return passed(f"{len(before)} parts, {proof_metrics.rows(before)} rows equal the fingerprint")


def _answered_by_another(run: Run, database: Judged) -> Finding | None:
    """The finding if a digest of the database is not its pod's."""
    pod = database.place.rpartition("/")[2]
    for digest in run.of("digest", store=database.key):
        if digest.data.get("answered_by") != pod:
            return answered_by_another(digest.data.get("answered_by"), f"for the digest {digest.data.get('when')}")
    return None


def _stale(run: Run, database: Judged) -> str:
    """Why the fingerprint is not of this backup; "" if it is. An old fingerprint matches an old dump."""
    taken, backup = latest(run, "fingerprint", store=database.key), mapping(run.facts, "backup")
    if not taken:
        return "its fingerprint does not say when it was taken"
    try:
        at_time, started, completed = (
            datetime.fromisoformat(str(when))
            for when in (taken.get("taken"), backup.get("started"), backup.get("completed"))
        )
        if not started - CLOCK_SKEW <= at_time <= completed + CLOCK_SKEW:
            return f"its fingerprint was taken at {at_time.isoformat()}; the backup started at {started.isoformat()}"
    except (ValueError, TypeError) as error:
        return f"the time of its fingerprint, or of the backup, is unknown: {error}"
    return ""


def read_databases(run: Run) -> tuple[Judged, ...]:
    try:
        return proof_metrics.databases(run.facts)
    except ValueError as error:
        raise Unreadable(run.path / "run.json", str(error)) from error


def parts_of(run: Run, when: str, database: Judged) -> Mapping[str, Json] | None:
    """The digest of a database at that time; None if there is none."""
    parts = at(latest(run, "digest", when=when, store=database.key), "parts")
    return parts if isinstance(parts, Mapping) else None


def not_read(
    run: Run,
    what: str,
    database: Judged,
    reason: Reason,
    detail: str,
    *,
    hint: str = "",
    objects: Iterable[str] = (),
) -> Finding:
    """The UNKNOWN of a database of which `what` was not read, with the cause that its event names."""
    unread = latest(run, "unread", what=what, store=database.key)
    why = "it was not queried" if unread is None else str(unread.get("message"))
    return unknown(reason, f"{detail}: {why}", hint, objects=objects, causes=causes(why))
