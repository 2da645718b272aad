"""The volumes have the reclaim policy Retain, as careful administrators set it, and the namespace is deleted.

Every volume stays with all data, Released, and no claim uses it. The backup refers to the volumes by name: Velero
restores the claims bound to them, and waits for pods that are never scheduled, because the claims stay Pending
("already bound to a different claim"; velero issue 5141). The drill must detect it.
"""

from harness.core.model import ExpectedFinding, Objectives
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.volumes import RetainVolumes
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    fault=DeleteNamespace(retained=True),
    secondary_faults=(SecondaryFault(RetainVolumes(), "seed"),),
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
