"""Two Consul servers start with the same node id: a template takes it from the host, or a file was copied.

The node id identifies a server in the catalog, in gossip and in Raft. The other servers reject the one that joins
second. It keeps trying, and its pod stays Running. (Consul manual, `node_id`: it must be unique within the cluster.)
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
    objectives=Objectives(rto_s=120),  # it never recovers on its own, so a longer wait changes nothing
    expected_findings=(ExpectedFinding("members-healthy", Reason.VotersDiffer, "consul"),),
)
