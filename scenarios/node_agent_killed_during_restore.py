"""The namespace is lost, and the node agents that write the volumes back are killed while they do.

The restore must not say Completed with a volume half written (velero issue 9365 is of this kind). Small volumes are
written back before anybody can strike, so the agents are slow here.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.velero import KillWhileWorking, SlowNodeAgent
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    troubles=(
        Trouble(SlowNodeAgent(), "restore"),
        Trouble(KillWhileWorking("node-agent", "podvolumerestores"), "restore", beside=True),
    ),
    expected_findings=(
        ExpectedFinding(
            "restore-complete",
            (Reason.RestoreFailed, Reason.RestorePartiallyFailed),
            causes=(Reason.VolumeRestoreInterrupted,),
        ),
    ),
    stores=("consul",),
)
