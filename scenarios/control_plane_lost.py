"""The control plane is lost with its etcd. The databases run on, and nobody can reach or mend them any more.

A new cluster takes the old one's place, restored from the bucket; the old workers are switched off before it starts.
"""

from harness.faults.cluster import LoseNodes
from harness.model import Objectives, Plan
from harness.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseNodes(only_control_plane=True),
    plan=Plan(new_cluster=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
