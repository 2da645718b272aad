"""The object store is down when the backup is due. The backup must not look taken."""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.objectstore import ObjectStoreDown
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(ObjectStoreDown(), "backup"),),
    expected_findings=(
        ExpectedFinding("backup-complete", (Reason.BackupFailed, Reason.BackupPartiallyFailed, Reason.BackupRefused)),
        ExpectedFinding("backup-complete", Reason.BackupNotStored),
    ),
)
