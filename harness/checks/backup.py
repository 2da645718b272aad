"""Is the backup whole, whatever the tool says of it?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.checks.health import recorded
from harness.checks.tool_messages import causes
from harness.core.model import DONE, Event, Finding, Json, Verdict, of_phase
from harness.core.reason import Reason, by_precedence
from harness.evidence.run_directory import Run


class BackupComplete:
    """The tool says Completed, and for every volume that should have been copied there is a copy of some bytes.

    Velero says Completed for a backup that left out a volume it cannot read (hostPath; a pod that was
    not running), so what should have been protected is counted against what was, and every hook that a
    pod asks for against those that ran. The repository must pass its own check of all its data.
    """

    name = "backup-complete"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for the backup, one for each volume that should be in it."""
        reports, protected, stored = run.of("backup"), run.of("protected"), run.of("stored")
        if not reports or not protected or not stored:
            return (
                Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, "the drill has no record of a finished backup"),
            )
        report, contents = reports[-1].data, stored[-1].data
        findings = [whole_report(self.name, "backup", report)]
        objects, size = contents.get("objects"), contents.get("bytes")
        if not isinstance(objects, int) or not isinstance(size, int) or objects < 1 or size < 1:
            detail = "the bucket holds nothing of this backup"
            findings.append(Finding(self.name, Verdict.FAIL, Reason.BackupNotStored, detail))
        else:
            detail = f"{objects} objects, {size} bytes seen in the bucket"
            findings.append(Finding(self.name, Verdict.PASS, Reason.AsExpected, detail))
        findings += [self._repository(contents), self._hooks(protected[-1], report)]
        findings += _volumes(self.name, run, protected[-1], copies(report))
        return tuple(findings)

    def _repository(self, contents: Mapping[str, Json]) -> Finding:
        damage = contents.get("damage")
        if contents.get("checked") is not True:
            detail = f"the repository was not checked. {_joined(damage)}".strip()
            return Finding(self.name, Verdict.UNKNOWN, Reason.RepositoryNotChecked, detail, causes=causes(damage))
        if damage:
            why = by_precedence((*recorded(contents, "damage"), *causes(damage)))
            detail = f"the repository is damaged: {_joined(damage)}"
            return Finding(self.name, Verdict.FAIL, Reason.RepositoryDamaged, detail, causes=why)
        detail = "the repository passed its own check, all data read"
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, detail)

    def _hooks(self, protected: Event, report: Mapping[str, Json]) -> Finding:
        asked = protected.data.get("hooks")
        if not isinstance(asked, Mapping):
            detail = "the drill has no record of the hooks that should run"
            return Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, detail)
        wanted = sum(count for count in asked.values() if isinstance(count, int))
        ran, failed = report.get("hooks_attempted"), report.get("hooks_failed")
        if failed != 0 or ran != wanted:
            hint = "without its hook a database is copied as it stands, or an old dump is"
            reason, *others = hook_reasons(wanted, ran, failed)
            detail = f"{wanted} hooks asked for, {ran} ran, {failed} failed"
            return Finding(self.name, Verdict.FAIL, reason, detail, hint, causes=tuple(others))
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, f"{ran} hooks ran, none failed")


def hook_reasons(wanted: int, ran: Json, failed: Json) -> tuple[Reason, ...]:
    """What is wrong with the hooks of a backup, if not all that were wanted ran and none failed."""
    if not isinstance(ran, int) or not isinstance(failed, int):
        return (Reason.HookDidNotRun,)
    wrong = {
        Reason.HookFailed: failed != 0,
        Reason.HookDidNotRun: ran < wanted,
        Reason.HookUnexpected: ran > wanted,
    }
    return by_precedence(reason for reason, is_so in wrong.items() if is_so)


def _joined(lines: Json) -> str:
    return "; ".join(str(line) for line in lines[:3]) if isinstance(lines, list | tuple) else ""


def whole_report(check: str, what: str, report: Mapping[str, Json]) -> Finding:
    """What the tool's own word comes to: nothing but Completed without errors will do."""
    phase, errors = report.get("phase"), report.get("errors")
    if phase == DONE and errors == 0:
        return Finding(check, Verdict.PASS, Reason.AsExpected, f"the tool says of its {what}: {phase}, no errors")
    messages = report.get("messages")
    said = "; ".join(str(m) for m in messages[:3]) if isinstance(messages, list | tuple) else ""
    detail = f"the tool says of its {what}: {phase}, {errors} errors. {said}".strip()
    return Finding(check, Verdict.FAIL, of_phase(what, phase), detail, causes=causes(messages))


def copies(report: Mapping[str, Json]) -> dict[tuple[str, str], Mapping[str, Json]]:
    """The tool's records of single volumes by (pod, volume)."""
    volumes = report.get("volumes")
    records = volumes if isinstance(volumes, list | tuple) else ()
    return {(str(r.get("pod")), str(r.get("volume"))): r for r in records if isinstance(r, Mapping)}


def pairs(event: Event) -> Iterable[tuple[str, str, str]]:
    """(store, pod, volume) of every volume that an event of the kind `protected` names."""
    volumes = event.data.get("volumes")
    for volume in volumes if isinstance(volumes, list | tuple) else ():
        if isinstance(volume, Mapping):
            yield str(volume.get("store")), str(volume.get("pod")), str(volume.get("volume"))


def _volumes(
    check: str, run: Run, protected: Event, made: Mapping[tuple[str, str], Mapping[str, Json]]
) -> Iterable[Finding]:
    wanted = list(pairs(protected))
    for store in run.members:
        if store not in {of for of, _, _ in wanted}:
            hint = "its pods carry no annotation backup.velero.io/backup-volumes; nothing of it would come back"
            detail = "no volume of this store is protected"
            yield Finding(check, Verdict.FAIL, Reason.VolumeNotProtected, detail, hint, store)
    for store, pod, volume in wanted:
        copy = made.get((pod, volume))
        if copy is None:
            hint = "the backup says nothing of it: is the pod running, is the volume a hostPath?"
            detail = f"volume {volume} was not copied at all"
            yield Finding(
                check, Verdict.FAIL, Reason.VolumeNotBackedUp, detail, hint, store, pod, (f"volume {volume}",)
            )
        else:
            yield copied(check, volume, copy, store, pod, least=1)


def not_copied(copy: Mapping[str, Json], least: int = 0) -> Reason | None:
    """Why the tool's record of a volume is no record of a whole copy, of at least so many bytes; None if it is."""
    done = copy.get("bytes_done")
    if copy.get("phase") != DONE:
        return Reason.VolumeBackupFailed
    if not isinstance(done, int) or done != copy.get("bytes_total"):
        return Reason.VolumePartlyBackedUp
    return None if done >= least else Reason.VolumeBackedUpEmpty


def copied(  # a finding has as many
    check: str, volume: str, copy: Mapping[str, Json], store: str, pod: str, *, least: int = 0
) -> Finding:
    """Whether a volume was copied, every byte."""
    done, total, objects = copy.get("bytes_done"), copy.get("bytes_total"), (f"volume {volume}",)
    if reason := not_copied(copy, least):
        said = copy.get("message") or ""
        detail = f"volume {volume}: {copy.get('phase')}, {done} of {total} bytes. {said}".strip()
        return Finding(check, Verdict.FAIL, reason, detail, "", store, pod, objects, causes(said))
    detail = f"volume {volume}: {done} bytes copied"
    return Finding(check, Verdict.PASS, Reason.AsExpected, detail, "", store, pod, objects)
