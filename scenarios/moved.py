"""The service moves to another cluster by a restore from the bucket, while the old one runs on, fenced off.

Other nodes, other addresses, the same names: what was restored must find its own kind and never the old one's. A member
that joins the old cluster's replication, or an old one that takes a write of the new one's, is what every move risks.
"""

from harness.core.model import Objectives, Plan
from harness.faults.network import IsolateCluster
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=IsolateCluster(),
    plan=Plan(move=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
