"""The namespace is lost, and when it is to be restored the keys to the bucket have expired, as everybody now learns.

Velero refuses the restore, since its location is Unavailable. Nothing may look recovered.
"""

from harness.faults.namespace import DeleteNamespace
from harness.faults.velero_secret import RefuseCredentials
from harness.model import ExpectedFinding
from harness.reason import Reason
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(RefuseCredentials(), "restore"),),
    expected_findings=(ExpectedFinding("restore-complete", Reason.RestoreRefused),),
)
