"""The object store is down when the backup is due. The backup must not look taken."""

from harness.faults.objectstore import ObjectStoreDown
from harness.model import ExpectedFinding
from harness.reason import Reason
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(ObjectStoreDown(), "backup"),),
    expected_findings=(
        ExpectedFinding("backup-complete", (Reason.BackupFailed, Reason.BackupPartiallyFailed, Reason.BackupRefused)),
        ExpectedFinding("backup-complete", Reason.BackupNotStored),
    ),
)
