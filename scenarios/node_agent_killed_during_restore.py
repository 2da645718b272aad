"""The namespace is lost, and the node agents are killed while they restore its volumes.

The restore must not say Completed with a volume that is only half restored (velero issue 9365 is similar). Small
volumes are restored too quickly to kill the agents in time, so the agents are slow in this drill.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.velero import KillWhileWorking, SlowNodeAgent
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    secondary_faults=(
        SecondaryFault(SlowNodeAgent(), "restore"),
        SecondaryFault(KillWhileWorking("node-agent", "podvolumerestores"), "restore", during=True),
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
