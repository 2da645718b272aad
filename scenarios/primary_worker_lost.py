"""The worker of PostgreSQL's primary burns down with its disk, and a machine with an empty one takes its place.

The standbys are whole, and nobody may promote one: in this deployment the primary is a name. The namespace is removed
and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.node_loss import LoseWorker
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseWorker(holding="postgres-primary-0", needs=("postgres",)),
    plan=Plan(make_way=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
