"""Two Velero servers are at work, as with `replicas: 2` "for high availability", or while a new one is rolled out.

Velero elects no leader. Both restore: the one that makes the pod has its volume written back; the other finds all there
already and says Completed, 0 errors, for both, while the volume is still empty. Somebody must see that it is not done.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.velero import SecondServer, SlowNodeAgent
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    troubles=(Trouble(SlowNodeAgent(), "restore"), Trouble(SecondServer(), "restore")),
    expected_findings=(ExpectedFinding("restore-complete", Reason.VolumeRestoreNotFinished, objects=("volume dump",)),),
    stores=("consul",),
)
