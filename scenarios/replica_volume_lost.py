"""One MySQL replica loses its volume. It needs no restore: it clones the primary, and nothing is lost."""

from harness.core.model import Objectives, Plan
from harness.faults.volumes import LoseVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseVolumes("a replica of mysql", ("mysql-secondary-1",), needs=("mysql",)),
    plan=Plan(restore=False),
    objectives=Objectives(rto_s=300, rpo_s=0),
)
