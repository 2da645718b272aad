"""One PostgreSQL standby loses its volume. It takes a new base backup of the primary; nothing is lost."""

from harness.core.model import Objectives, Plan
from harness.faults.volumes import LoseVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseVolumes("a standby of postgres", ("postgres-read-0",), needs=("postgres",)),
    plan=Plan(restore=False),
    objectives=Objectives(rto_s=300, rpo_s=0),
)
