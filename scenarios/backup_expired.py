"""The namespace is lost, and the last backup expired a moment before: Velero's garbage collection deleted it.

By default a backup lives for 30 days. There is nothing to restore, and the drill must report that.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.velero import ExpireBackups
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(ExpireBackups(), "write"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.BackupNotStored),
        ExpectedFinding("drill-finished", Reason.RecoveryFailed, causes=(Reason.BackupNotFound,)),
    ),
)
