"""Whether the backup is complete, and everything in it was restored, whatever the backup tool reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.checks.check import RUN_AGAIN, Check, few, latest, objects_of, recorded, texts
from harness.checks.tool_messages import causes
from harness.core.json import items, mapping, text
from harness.core.model import DONE, Finding, Json, of_phase
from harness.core.reason import Reason
from harness.evidence.run_directory import Run

Report = Mapping[str, Json]
"""What the backup tool reports of one backup, restore or volume."""

_IN_PROGRESS = frozenset({"", "New", "Accepted", "Prepared", "InProgress"})
"""Phases of a volume's restore that may still end well."""

_HINTS = {
    "backup": "see the backup's log in bundle/ (velero backup logs)",
    "restore": "see the restore's log in bundle/ (velero restore logs)",
}


class _Backup(Check):
    """What the three checks of a backup share."""

    name = "backup-complete"

    def _hooks(self, wanted: int | None, report: Report, *, exact: bool) -> Finding:
        """Whether all `wanted` hooks ran, and none failed; with `exact`, no more than these."""
        ran, failed = report.get("hooks_attempted"), report.get("hooks_failed")
        if wanted is None or not (exact or isinstance(ran, int)):
            detail = "how many hooks should run, or ran, is not recorded"
            return self.unknown(Reason.NotRecorded, detail, RUN_AGAIN)
        if failed == 0 and isinstance(ran, int) and (ran == wanted if exact else ran >= wanted):
            return self.passed(f"{ran} hooks ran, none failed")
        if not isinstance(ran, int) or not isinstance(failed, int):
            reason, *others = (Reason.HookDidNotRun,)
        else:
            reason, *others = [
                *([Reason.HookFailed] if failed else []),
                *([Reason.HookDidNotRun] if ran < wanted else []),
                *([Reason.HookUnexpected] if ran > wanted else []),
            ]
        detail = f"{wanted} hooks requested, {ran} ran, {failed} failed"
        hint = "fix the hook: without it the backup has an old dump, or files that the database was writing"
        return self.failed(reason, detail, hint, causes=others)

    def _volume(self, volume: str, copy: Report | None, store: str, pod: str, *, least: int = 0) -> Finding:
        """Whether a volume was backed up completely, with at least so many bytes."""
        objects = [f"volume {volume}"]
        if not copy:
            hint = "check that its pod runs, is annotated for the backup, and that the volume is no hostPath"
            detail = f"volume {volume} is not in the backup"
            return self.failed(Reason.VolumeNotBackedUp, detail, hint, store, pod, objects=objects)
        done, total = copy.get("bytes_done"), copy.get("bytes_total")
        if copy.get("phase") != DONE:
            reason = Reason.VolumeBackupFailed
        elif not isinstance(done, int) or done != total:
            reason = Reason.VolumePartlyBackedUp
        elif done < least:
            reason = Reason.VolumeBackedUpEmpty
        else:
            return self.passed(f"volume {volume}: {done} bytes backed up", store, pod, objects=objects)
        message = copy.get("message") or ""
        detail = f"volume {volume}: {copy.get('phase')}, {done} of {total} bytes. {message}".strip()
        return self.failed(reason, detail, _HINTS["backup"], store, pod, objects=objects, causes=causes(message))


class BackupComplete(_Backup):
    """The tool reports Completed, and every volume that should be backed up has a copy that is not empty.

    Velero reports Completed for a backup without a volume that it cannot read (hostPath, or its pod was not running).
    So the volumes and hooks that the pods request are compared with those in the backup. The repository must pass its
    own check of all data.
    """

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each part of the backup, and one for each volume that should be in it."""
        report, protected, stored = (latest(run, kind) for kind in ("backup", "protected", "stored"))
        if report is None or protected is None or stored is None:
            return (self.unknown(Reason.NotRecorded, "no finished backup is recorded", RUN_AGAIN),)
        return (
            whole_report(self, "backup", report),
            self._stored(stored),
            self._repository(stored),
            self._hooks(_wanted(protected), report, exact=True),
            *self._volumes(run, protected, copies(report)),
        )

    def _stored(self, stored: Report) -> Finding:
        objects, size = stored.get("objects"), stored.get("bytes")
        if not isinstance(objects, int) or not isinstance(size, int) or objects < 1 or size < 1:
            hint = "check the backup storage location: bucket, prefix and credentials"
            return self.failed(Reason.BackupNotStored, "the bucket holds nothing of this backup", hint)
        return self.passed(f"{objects} objects, {size} bytes found in the bucket")

    def _repository(self, stored: Report) -> Finding:
        damage = stored.get("damage")
        shown = few(items(damage), 3)
        if stored.get("checked") is not True:
            detail = f"the repository was not checked. {shown}".strip()
            hint = "check that drillproof can open the repository, and drill again"
            return self.unknown(Reason.RepositoryNotChecked, detail, hint, causes=causes(damage))
        if damage:
            why = (*recorded(stored, "damage"), *causes(damage))
            hint = "do not rely on backups in this repository; check the bucket's storage and start a new repository"
            return self.failed(Reason.RepositoryDamaged, f"the repository is damaged: {shown}", hint, causes=why)
        return self.passed("the repository passed its own check of all data")

    def _volumes(self, run: Run, protected: Report, made: Mapping[tuple[str, str], Report]) -> Iterator[Finding]:
        wanted = list(_pairs(protected))
        for store in run.members:
            if store not in {of for of, _, _ in wanted}:
                hint = "annotate its pods with backup.velero.io/backup-volumes; without it nothing is backed up"
                detail = "no volume of this store is in the backup"
                yield self.failed(Reason.VolumeNotProtected, detail, hint, store)
        for store, pod, volume in wanted:
            yield self._volume(volume, made.get((pod, volume)), store, pod, least=1)


class ProvedBackupComplete(_Backup):
    """Of an existing backup: the tool reports Completed, no hook failed, and each copy has all its bytes."""

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for the backup, one for its hooks, one for each copy."""
        report, backup = latest(run, "backup"), mapping(run.facts, "backup")
        if report is None:
            return (self.unknown(Reason.NotRecorded, "the backup is not recorded", RUN_AGAIN),)
        wanted = backup.get("hooks")
        return (
            whole_report(self, "backup", report),
            # The backup may have had hooks in addition to those of its pods.
            self._hooks(wanted if isinstance(wanted, int) else None, report, exact=False),
            *self._missed(backup.get("missed")),
            *self._copies(report),
        )

    def _missed(self, missed: Json) -> Iterator[Finding]:
        if not isinstance(missed, list):
            detail = "which volumes should be backed up is not recorded"
            yield self.unknown(Reason.NotRecorded, detail, RUN_AGAIN)
        elif missed:
            hint = "check that their pods ran at backup time, and that no volume is a hostPath"
            detail = f"requested, and not in the backup: {few(missed)}"
            yield self.failed(Reason.VolumeNotBackedUp, detail, hint, objects=texts(missed))

    def _copies(self, report: Report) -> Iterator[Finding]:
        found = copies(report)
        if not found:
            hint = "annotate the volumes for file-system backup; drillproof cannot prove volume snapshots"
            yield self.failed(Reason.VolumeNotBackedUp, "the backup has no copy of any volume", hint)
        for (pod, volume), copy in found.items():
            yield self._volume(volume, copy, "", pod)


class MigrationBackupComplete(_Backup):
    """The tool reports Completed, every hook ran, and every volume that a pod requests was backed up completely."""

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for the backup, one for its hooks, one for each volume."""
        report, protected = latest(run, "backup"), latest(run, "protected")
        if report is None or protected is None:
            return (self.unknown(Reason.NotRecorded, "no finished backup is recorded", RUN_AGAIN),)
        hooks = self._hooks(_wanted(protected), report, exact=False)
        return (whole_report(self, "backup", report), hooks, *self._volumes(protected, copies(report)))

    def _volumes(self, protected: Report, made: Mapping[tuple[str, str], Report]) -> Iterator[Finding]:
        wanted = list(_pairs(protected))
        if not wanted:
            hint = "annotate the volumes to migrate with backup.velero.io/backup-volumes"
            yield self.failed(Reason.VolumeNotProtected, "no volume was requested; the backup holds no data", hint)
        for _, pod, volume in wanted:
            yield self._volume(volume, made.get((pod, volume)), "", pod)


class RestoreComplete(Check):
    """The tool reports Completed, restored every volume of the backup to the last byte, and no hook failed.

    Velero itself continues after a failed hook, and such a hook may be what loads the dump.
    """

    name = "restore-complete"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for the restore, one for each volume in the backup; none if the plan restores nothing."""
        if not run.plan.restore:
            return ()
        backup, restore = latest(run, "backup"), latest(run, "restore")
        if backup is None or restore is None:
            return (self.unknown(Reason.NotRecorded, "no finished restore is recorded", RUN_AGAIN),)
        findings = [whole_report(self, "restore", restore)]
        if backup.get("name") != restore.get("of"):
            detail = f"the tool restored {restore.get('of') or 'an unnamed backup'} instead of {backup.get('name')}"
            hint = "check which backup the restore names, and restore again"
            findings.append(self.failed(Reason.WrongBackupRestored, detail, hint))
        if failed := restore.get("hooks_failed"):
            detail = f"{failed} of {restore.get('hooks_attempted')} restore hooks failed"
            hint = "see which in the restore's log; what the hook should do was not done"
            findings.append(self.failed(Reason.HookFailed, detail, hint))
        restored = copies(restore)
        for (pod, volume), copy in copies(backup).items():
            findings.append(self._volume(pod, volume, copy, restored.get((pod, volume))))
        return tuple(findings)

    def _volume(self, pod: str, volume: str, copy: Report, restored: Report | None) -> Finding:
        objects = [f"volume {volume}"]
        if restored is None:
            detail = f"volume {volume} is in the backup and was not restored"
            hint = "delete existing pods and claims before the restore; Velero skips them, and their data, silently"
            return self.failed(Reason.VolumeNotRestored, detail, hint, "", pod, objects=objects)
        phase, done, total = restored.get("phase"), restored.get("bytes_done"), copy.get("bytes_done")
        if phase == DONE and done == total:
            return self.passed(f"volume {volume}: {done} bytes restored", "", pod, objects=objects)
        if phase == DONE:
            reason = Reason.VolumePartlyRestored
        else:
            reason = Reason.VolumeRestoreNotFinished if phase in _IN_PROGRESS else Reason.VolumeRestoreFailed
        message = restored.get("message")
        detail = f"volume {volume}: {phase}, {done} of {total} bytes restored. {message or ''}".strip()
        why = causes(message)
        return self.failed(reason, detail, _HINTS["restore"], "", pod, objects=objects, causes=why)


def whole_report(check: Check, what: str, report: Report) -> Finding:
    """The finding of what the tool reports of its `backup` or `restore`: only Completed without errors passes."""
    phase, errors, messages = report.get("phase"), report.get("errors"), report.get("messages")
    if phase == DONE and errors == 0:
        return check.passed(f"the tool reports the {what} as {phase}, without errors")
    detail = f"the tool reports the {what} as {phase}, with {errors} errors. {few(items(messages), 3)}".strip()
    return check.failed(of_phase(what, phase), detail, _HINTS[what], causes=causes(messages))


def copies(report: Report) -> dict[tuple[str, str], Report]:
    """The tool's records of volumes, by (pod, volume)."""
    return {(text(each, "pod"), text(each, "volume")): each for each in objects_of(report, "volumes")}


def _wanted(protected: Report) -> int | None:
    """How many hooks the pods request; None if that is not recorded."""
    counts = protected.get("hooks")
    return sum(n for n in counts.values() if isinstance(n, int)) if isinstance(counts, Mapping) else None


def _pairs(protected: Report) -> Iterable[tuple[str, str, str]]:
    """(store, pod, volume) of every volume that should be backed up."""
    for volume in objects_of(protected, "volumes"):
        yield text(volume, "store"), text(volume, "pod"), text(volume, "volume")
