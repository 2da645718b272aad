"""Did the tool bring back all that it had copied?"""

from __future__ import annotations

from collections.abc import Mapping

from harness.checks.backup import copies, whole_report
from harness.checks.tool_messages import causes
from harness.core.model import DONE, Finding, Json, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import Run

_AT_WORK = frozenset({"", "New", "Accepted", "Prepared", "InProgress"})
"""Phases of a volume's restore from which it may still come to its end."""


class RestoreComplete:
    """The tool says Completed, wrote back every volume that it had copied, to the last byte, and no hook of it failed.

    By itself Velero goes on past a hook that failed, and such a hook may be what loads the dump.
    """

    name = "restore-complete"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for the restore, one for each volume copied; none where the plan was to restore nothing."""
        if not run.plan.restore:
            return ()
        backups, restores = run.of("backup"), run.of("restore")
        if not backups or not restores:
            return (
                Finding(
                    self.name, Verdict.UNKNOWN, Reason.NotRecorded, "the drill has no record of a finished restore"
                ),
            )
        findings = [whole_report(self.name, "restore", restores[-1].data)]
        taken, restored_from = backups[-1].data.get("name"), restores[-1].data.get("of")
        if taken != restored_from:
            detail = f"the tool restored {restored_from or 'it does not say what'}; the backup of this drill is {taken}"
            findings.append(Finding(self.name, Verdict.FAIL, Reason.WrongBackupRestored, detail))
        if failed := restores[-1].data.get("hooks_failed"):
            detail = f"{failed} of {restores[-1].data.get('hooks_attempted')} hooks of the restore failed"
            hint = "the log of the restore says which; what it was to do was not done"
            findings.append(Finding(self.name, Verdict.FAIL, Reason.HookFailed, detail, hint))
        back = copies(restores[-1].data)
        for (pod, volume), copied in copies(backups[-1].data).items():
            restored, objects = back.get((pod, volume)), (f"volume {volume}",)
            if restored is None:
                detail = f"volume {volume} was in the backup and was not restored"
                hint = "a pod or claim that already exists is passed over in silence, and with it its data"
                missing = Reason.VolumeNotRestored
                findings.append(Finding(self.name, Verdict.FAIL, missing, detail, hint, "", pod, objects))
            elif reason := _not_written(restored, copied):
                detail = (
                    f"volume {volume}: {restored.get('phase')}, {restored.get('bytes_done')} bytes written back "
                    f"of {copied.get('bytes_done')} copied. {restored.get('message') or ''}"
                ).strip()
                why = causes(restored.get("message"))
                findings.append(Finding(self.name, Verdict.FAIL, reason, detail, "", "", pod, objects, why))
            else:
                detail = f"volume {volume}: {restored.get('bytes_done')} bytes written back"
                findings.append(Finding(self.name, Verdict.PASS, Reason.AsExpected, detail, "", "", pod, objects))
        return tuple(findings)


def _not_written(restored: Mapping[str, Json], copied: Mapping[str, Json]) -> Reason | None:
    """Why a volume was not written back whole; None if it was."""
    phase = restored.get("phase")
    if phase != DONE:
        return Reason.VolumeRestoreNotFinished if phase in _AT_WORK else Reason.VolumeRestoreFailed
    return None if restored.get("bytes_done") == copied.get("bytes_done") else Reason.VolumePartlyRestored
