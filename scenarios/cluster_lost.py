"""The whole cluster is gone, every node with its disks. A new one is made, and restored from the bucket alone.

Velero learns of the backups in an old bucket only when it looks there, up to a minute later: that is part of the RTO.
"""

from harness.core.model import Objectives, Plan
from harness.faults.node_loss import LoseNodes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseNodes(),
    plan=Plan(new_cluster=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
