"""The service moves to another cluster by a restore from the bucket, while the old one keeps running in isolation.

The new cluster has other nodes and addresses, but the same names. Each restored member must find its new peers, and
never the old ones: every move risks that a member joins the old cluster's replication, or that an old member takes a
write meant for the new one.
"""

from harness.core.model import Objectives, Plan
from harness.faults.network import IsolateCluster
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=IsolateCluster(),
    plan=Plan(move=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
