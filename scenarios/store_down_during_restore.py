"""The namespace is lost, and the object store is down when it is to be restored. Nothing may look recovered."""

from harness.faults.namespace import DeleteNamespace
from harness.faults.objectstore import ObjectStoreDown
from harness.model import ExpectedFinding
from harness.reason import Reason
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(ObjectStoreDown(), "restore"),),
    expected_findings=(
        ExpectedFinding(
            "restore-complete",
            (Reason.RestoreFailed, Reason.RestorePartiallyFailed, Reason.RestoreRefused),
            causes=(Reason.BackupNotDownloaded,),
        ),
    ),
)
