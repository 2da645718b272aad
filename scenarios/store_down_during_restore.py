"""The namespace is lost, and the object store is down when it should be restored. Nothing may look recovered."""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.objectstore import ObjectStoreDown
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(ObjectStoreDown(), "restore"),),
    expected_findings=(
        ExpectedFinding(
            "restore-complete",
            (Reason.RestoreFailed, Reason.RestorePartiallyFailed, Reason.RestoreRefused),
            causes=(Reason.BackupNotDownloaded,),
        ),
    ),
)
