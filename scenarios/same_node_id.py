"""Two Consul servers are started with one and the same node id: a template has it from the host, or a file was copied.

A node id is who a server is, to the catalog, to gossip and to Raft. The others turn away the one that comes later.
It goes on trying, its pod Running all the while. (Consul's manual on `node_id`: it must be unique within the cluster.)
"""

from harness.core.model import ExpectedFinding, Objectives, Plan
from harness.core.reason import Reason
from harness.faults.command import EditConfig
from harness.faults.observations import logged
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=EditConfig(
        "same-node-id",
        "consul",
        "id.sh",
        '"$1"',
        '"$(echo "$1" | sed s/consul-1/consul-0/)"',
        logged("conflicting node ID"),
        restart="consul",
    ),
    plan=Plan(restore=False),
    objectives=Objectives(rto_s=120),  # it does not come back by itself, however long one waits
    expected_findings=(ExpectedFinding("members-healthy", Reason.VotersDiffer, "consul"),),
)
