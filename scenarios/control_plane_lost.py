"""The only control plane is lost with its disk. The workers still run, and nobody can manage or mend what is on them.

There is no backup of etcd, so the cluster will not be one again. A new one is made, and restored from the bucket alone.
"""

from harness.faults.cluster import LoseNodes
from harness.model import Objectives, Plan
from harness.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseNodes(only_control_plane=True),
    plan=Plan(new_cluster=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
