"""Is the backup whole, whatever the tool says of it?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.model import DONE, Event, Finding, Json, Verdict
from harness.rundir import Run


class BackupIsComplete:
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
            return (Finding(self.name, Verdict.UNKNOWN, "the drill has no record of a finished backup"),)
        report, contents = reports[-1].data, stored[-1].data
        findings = [whole_report(self.name, "backup", report)]
        objects, size = contents.get("objects"), contents.get("bytes")
        if not isinstance(objects, int) or not isinstance(size, int) or objects < 1 or size < 1:
            findings.append(Finding(self.name, Verdict.FAIL, "the bucket holds nothing of this backup"))
        else:
            findings.append(Finding(self.name, Verdict.PASS, f"{objects} objects, {size} bytes seen in the bucket"))
        findings += [self._repository(contents), self._hooks(protected[-1], report)]
        findings += _volumes(self.name, run, protected[-1], copies(report))
        return tuple(findings)

    def _repository(self, contents: Mapping[str, Json]) -> Finding:
        damage = contents.get("damage")
        if contents.get("checked") is not True:
            return Finding(self.name, Verdict.UNKNOWN, f"the repository was not checked. {_joined(damage)}".strip())
        if damage:
            return Finding(self.name, Verdict.FAIL, f"the repository is damaged: {_joined(damage)}")
        return Finding(self.name, Verdict.PASS, "the repository passed its own check, all data read")

    def _hooks(self, protected: Event, report: Mapping[str, Json]) -> Finding:
        asked = protected.data.get("hooks")
        if not isinstance(asked, Mapping):
            return Finding(self.name, Verdict.UNKNOWN, "the drill has no record of the hooks that should run")
        wanted = sum(count for count in asked.values() if isinstance(count, int))
        ran, failed = report.get("hooks_attempted"), report.get("hooks_failed")
        if failed != 0 or ran != wanted:
            hint = "without its hook a database is copied as it stands, or an old dump is"
            return Finding(self.name, Verdict.FAIL, f"{wanted} hooks asked for, {ran} ran, {failed} failed", hint)
        return Finding(self.name, Verdict.PASS, f"{ran} hooks ran, none failed")


def _joined(lines: Json) -> str:
    return "; ".join(str(line) for line in lines[:3]) if isinstance(lines, list | tuple) else ""


def whole_report(check: str, what: str, report: Mapping[str, Json]) -> Finding:
    """What the tool's own word comes to: nothing but Completed without errors will do."""
    phase, errors = report.get("phase"), report.get("errors")
    if phase == DONE and errors == 0:
        return Finding(check, Verdict.PASS, f"the tool says of its {what}: {phase}, no errors")
    messages = report.get("messages")
    said = "; ".join(str(m) for m in messages[:3]) if isinstance(messages, list | tuple) else ""
    return Finding(check, Verdict.FAIL, f"the tool says of its {what}: {phase}, {errors} errors. {said}".strip())


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
            yield Finding(check, Verdict.FAIL, "no volume of this store is protected", hint, store=store)
    for store, pod, volume in wanted:
        copy = made.get((pod, volume))
        if copy is None:
            hint = "the backup says nothing of it: is the pod running, is the volume a hostPath?"
            yield Finding(check, Verdict.FAIL, f"volume {volume} was not copied at all", hint, store, pod)
            continue
        done, total = copy.get("bytes_done"), copy.get("bytes_total")
        if copy.get("phase") != DONE or not isinstance(done, int) or done < 1 or done != total:
            detail = (
                f"volume {volume}: {copy.get('phase')}, {done} of {total} bytes. {copy.get('message') or ''}".strip()
            )
            yield Finding(check, Verdict.FAIL, detail, "", store, pod)
        else:
            yield Finding(check, Verdict.PASS, f"volume {volume}: {done} bytes copied", "", store, pod)
