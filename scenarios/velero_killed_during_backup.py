"""Velero's server is killed in the middle of a backup, while a slow hook is running.

The new server does not resume it: it marks the backup as Failed when it starts (in velero issues 3852 and 4503 it
stayed InProgress for ever), and nothing is in the bucket. The backup must not count as complete.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.annotations import Annotate
from harness.faults.velero import KillWhileWorking
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SLOW = {"pre.hook.backup.velero.io/command": '["/bin/sh", "-c", "sleep 60"]'}

SCENARIO = Scenario(
    secondary_faults=(
        SecondaryFault(Annotate("slow-hook", "consul-backup-0", SLOW, needs=("consul",)), "backup"),
        SecondaryFault(KillWhileWorking("velero", "backups"), "backup", during=True),
    ),
    strategies=("dump", "physical"),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.BackupFailed),
        ExpectedFinding("backup-complete", Reason.BackupNotStored),
    ),
)
