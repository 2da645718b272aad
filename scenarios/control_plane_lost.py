"""The only control plane is lost with its disk. The workers still run, and nobody can manage or mend what is on them.

There is no backup of etcd, so the cluster will not be one again. A new one is made, and restored from the bucket alone.
"""

from harness.core.model import Objectives, Plan
from harness.faults.node_loss import LoseNodes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseNodes(only_control_plane=True),
    plan=Plan(new_cluster=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
