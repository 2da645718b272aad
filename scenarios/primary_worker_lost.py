"""The worker of PostgreSQL's primary is lost with its disk, and a machine with an empty disk replaces it.

The standbys are whole, but must not be promoted: in this deployment the primary has a fixed name. The namespace is
deleted and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.node_loss import LoseWorker
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseWorker(holding="postgres-primary-0", needs=("postgres",)),
    plan=Plan(delete_namespace_first=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
