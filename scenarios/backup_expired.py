"""The namespace is lost, and the last backup had run out a moment before: Velero's own garbage collection took it.

A backup lives for 30 days if nobody says otherwise. There is nothing to restore, and that must be said.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.velero import ExpireBackups
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(ExpireBackups(), "write"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.BackupNotStored),
        ExpectedFinding("drill-finished", Reason.RecoveryFailed, causes=(Reason.BackupNotFound,)),
    ),
)
