"""The whole cluster is lost, every node with its disk. A new cluster is created and restored from the bucket alone.

Velero discovers the backups in an existing bucket when it next looks, up to a minute later: that is part of the RTO.
"""

from harness.core.model import Objectives, Plan
from harness.faults.node_loss import LoseNodes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseNodes(),
    plan=Plan(new_cluster=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
