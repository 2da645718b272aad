"""All Consul servers stop at once, and come back with their data at other addresses, as after a power cut.

Raft stores the addresses of its peers, so the servers must find each other again by gossip. (In consul pull request
3403, consul issues 10653 and 10678, and consul-k8s issue 561, elections kept using the old addresses.)
"""

from harness.core.model import Objectives, Plan
from harness.faults.statefulset import NewAddresses
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=NewAddresses("consul", needs=("consul",)),
    plan=Plan(restore=False),
    objectives=Objectives(rto_s=300, rpo_s=0),
)
