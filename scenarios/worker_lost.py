"""A worker without a primary on it burns down with its disk, and a machine with an empty one takes its place.

Its members' claims are bound to volumes that are nowhere: their pods wait for ever, until somebody removes the claims.
Then the members are made anew from those that are left, and nothing is lost. No restore is called for.
"""

from harness.core.model import Objectives, Plan
from harness.faults.node_loss import LoseWorker
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseWorker(sparing=("mysql-primary-0", "postgres-primary-0")),
    plan=Plan(restore=False, discard_lost=True),
    objectives=Objectives(rto_s=600, rpo_s=0),
)
