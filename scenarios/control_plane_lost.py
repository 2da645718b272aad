"""The only control plane is lost with its disk. The workers keep running, but nobody can manage what runs on them.

There is no backup of etcd, so the cluster cannot be recovered. A new one is created and restored from the bucket alone.
"""

from harness.core.model import Objectives, Plan
from harness.faults.node_loss import LoseNodes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseNodes(only_control_plane=True),
    plan=Plan(new_cluster=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
