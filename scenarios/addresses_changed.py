"""All Consul servers are down at once, and come back with their data at other addresses, as after a power cut.

Raft's peers are remembered by address, so the quorum has to find itself again by gossip (consul pull request 3403;
consul issues 10653 and 10678 and consul-k8s issue 561 tell of elections that stayed with the old addresses).
"""

from harness.core.model import Objectives, Plan
from harness.faults.statefulset import NewAddresses
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=NewAddresses("consul", needs=("consul",)),
    plan=Plan(restore=False),
    objectives=Objectives(rto_s=300, rpo_s=0),
)
