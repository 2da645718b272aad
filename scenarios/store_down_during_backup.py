"""The object store is down when the backup is due. The backup must not count as complete."""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.objectstore import ObjectStoreDown
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    secondary_faults=(SecondaryFault(ObjectStoreDown(), "backup"),),
    expected_findings=(
        ExpectedFinding("backup-complete", (Reason.BackupFailed, Reason.BackupPartiallyFailed, Reason.BackupRefused)),
        ExpectedFinding("backup-complete", Reason.BackupNotStored),
    ),
)
