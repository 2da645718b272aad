"""Two Velero servers run at once, as with `replicas: 2` "for high availability", or during a rollout.

Velero elects no leader, so both restore. The one that creates the pod has its volume restored. The other finds that
everything exists, and sets Completed with 0 errors on the shared restore, while the volume is still empty. The drill
must detect that the restore is not finished.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.velero import SecondServer, SlowNodeAgent
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(SlowNodeAgent(), "restore"), SecondaryFault(SecondServer(), "restore")),
    expected_findings=(ExpectedFinding("restore-complete", Reason.VolumeRestoreNotFinished, objects=("volume dump",)),),
    stores=("consul",),
)
