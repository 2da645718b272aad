"""PostgreSQL's primary loses all of its volumes, its last dump with them. The standbys alone can't be written to.

The namespace is removed and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.volumes import LoseVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseVolumes("the primary of postgres", ("postgres-primary-0",), needs=("postgres",)),
    plan=Plan(make_way=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
