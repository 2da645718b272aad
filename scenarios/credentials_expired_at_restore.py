"""The namespace is lost, and when it is to be restored the keys to the bucket have expired, as everybody now learns.

Velero refuses the restore, since its location is Unavailable. Nothing may look recovered.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.credentials import RefuseCredentials
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(RefuseCredentials(), "restore"),),
    expected_findings=(ExpectedFinding("restore-complete", Reason.RestoreRefused),),
)
