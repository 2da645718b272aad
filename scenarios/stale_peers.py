"""Every Consul server is started with a `peers.json` of another cluster: no peer in it exists, so there is no leader.

With no quorum no command can put it right. The namespace is removed and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.command import STALE_PEERS
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(fault=STALE_PEERS, plan=Plan(make_way=True), objectives=Objectives(rto_s=600, rpo_s=300))
