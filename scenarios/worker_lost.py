"""A worker without a primary on it is lost with its disk, and a machine with an empty disk replaces it.

The claims of its members are bound to volumes that no longer exist, so their pods stay Pending until somebody deletes
the claims. Then the members are created again and copy the data of the others. Nothing is lost; no restore is needed.
"""

from harness.core.model import Objectives, Plan
from harness.faults.node_loss import LoseWorker
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseWorker(sparing=("mysql-primary-0", "postgres-primary-0")),
    plan=Plan(restore=False, recreate_lost_pvcs=True),
    objectives=Objectives(rto_s=600, rpo_s=0),
)
