"""As `secret_rotated`, but the Secret was not lost: only StatefulSets and claims were deleted, and are restored.

Velero skips a Secret that exists. The new password then meets the old data, the standbys cannot log in, and a service
opened without them would hang at its first commit. The drill must detect it.
"""

from harness.core.model import ExpectedFinding, Objectives
from harness.core.reason import Reason
from harness.faults.credentials import STANDBYS_PASSWORD
from harness.faults.namespace import DeleteObjects
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    fault=DeleteObjects(("statefulsets", "persistentvolumeclaims"), needs=("postgres",)),
    secondary_faults=(SecondaryFault(STANDBYS_PASSWORD, "write"),),
    expected_findings=(
        ExpectedFinding(
            "drill-finished",
            Reason.RecoveryFailed,
            objects=(
                "postgres-read-0",
                "postgres-read-1",
            ),
            causes=(Reason.PodsNotReady,),
        ),
    ),
    objectives=Objectives(rto_s=240),
)
