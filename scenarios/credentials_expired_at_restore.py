"""The namespace is lost, and the keys for the bucket expire before it is restored.

Velero refuses the restore because its location is Unavailable. Nothing may look recovered.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.credentials import RefuseCredentials
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(RefuseCredentials(), "restore"),),
    expected_findings=(ExpectedFinding("restore-complete", Reason.RestoreRefused),),
)
