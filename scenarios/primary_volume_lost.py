"""PostgreSQL's primary loses all volumes, including the one with its last dump. The standbys alone take no writes.

The namespace is deleted and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.volumes import LoseVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseVolumes("the primary of postgres", ("postgres-primary-0",), needs=("postgres",)),
    plan=Plan(delete_namespace_first=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
