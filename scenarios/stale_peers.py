"""Every Consul server starts with a `peers.json` of another cluster: none of those peers exists, so there is no leader.

Without a quorum no command can repair it. The namespace is deleted and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.command import STALE_PEERS
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=STALE_PEERS, plan=Plan(delete_namespace_first=True), objectives=Objectives(rto_s=600, rpo_s=300)
)
