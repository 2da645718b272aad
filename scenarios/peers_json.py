"""Consul has lost its quorum, its volumes are whole, and it is recovered by its manual's method: `peers.json`.

Consul has a leader again, every key exists, and all health checks pass. But with this method Consul 1.22.0 takes a Raft
snapshot, and config entries that were in no older snapshot (service defaults, resolvers, intentions) are not in it.
Here no server has an older snapshot: `consul snapshot save` would create one on one server, and which entries are lost
would then depend on the server.
"""

from harness.core.model import ExpectedFinding, Plan
from harness.core.reason import Reason
from harness.faults.command import STALE_PEERS
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=STALE_PEERS,
    plan=Plan(restore=False, repair_stores=True),
    strategy="files",
    expected_findings=(
        ExpectedFinding("data-equal", Reason.DefinitionDiffers, "consul", objects=("config service-defaults",)),
    ),
)
