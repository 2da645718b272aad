"""A chart upgrade loses the annotation `backup.velero.io/backup-volumes`. The backup says Completed.

The volume is not in it (velero issues 8161 and 8123 are similar). The drill must detect it when the backup is taken,
not when it is needed.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.annotations import ANY, Annotate
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    secondary_faults=(
        SecondaryFault(Annotate("lost-annotation", ANY, {"backup.velero.io/backup-volumes": None}), "backup"),
    ),
    stores=("consul",),
    strategies=("dump", "physical"),
    expected_findings=(ExpectedFinding("backup-complete", Reason.VolumeNotBackedUp),),
)
