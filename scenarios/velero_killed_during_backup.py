"""Velero's server is killed in the middle of a backup, while a slow hook is running.

The new one takes nothing up again: it calls the backup Failed when it starts (velero issues 3852 and 4503 are of times
when it stayed InProgress for ever), and nothing of it is in the bucket. It must not look taken.
"""

from harness.faults.hooks import Annotate
from harness.faults.machinery import KillWhileWorking
from harness.model import ExpectedFinding
from harness.reason import Reason
from harness.scenario import Scenario, Trouble

SLOW = {"pre.hook.backup.velero.io/command": '["/bin/sh", "-c", "sleep 60"]'}

SCENARIO = Scenario(
    troubles=(
        Trouble(Annotate("slow-hook", "consul-backup-0", SLOW, needs=("consul",)), "backup"),
        Trouble(KillWhileWorking("velero", "backups"), "backup", beside=True),
    ),
    strategies=("dump", "physical"),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.BackupFailed),
        ExpectedFinding("backup-complete", Reason.BackupNotStored),
    ),
)
