"""The volumes have the policy Retain, as careful people give it to them, and the namespace is deleted.

Every volume stays, Released, with all data, and belongs to nobody. The backup knows them by name: Velero restores the
claims bound to them, and waits for pods that no node takes, since their claims wait for ever ("already bound to a
different claim"; velero issue 5141). It must be noticed.
"""

from harness.core.model import ExpectedFinding, Objectives
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.volumes import RetainVolumes
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    fault=DeleteNamespace(retained=True),
    troubles=(Trouble(RetainVolumes(), "seed"),),
    expected_findings=(
        ExpectedFinding(
            "drill-finished",
            Reason.RecoveryFailed,
            causes=(
                Reason.RestoreNotFinished,
                Reason.VolumeUnbound,
            ),
        ),
    ),
    objectives=Objectives(rto_s=240),
)
