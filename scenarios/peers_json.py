"""Consul has lost its quorum, its volumes are whole, and its manual's way out is taken: true peers by `peers.json`.

There is a leader again, every key is there, and all health is green. But Consul 1.22.0 makes a Raft snapshot on this
way, and config entries that no older snapshot had (services' defaults, resolvers, intentions) are not in it. The
servers have none here: `consul snapshot save` makes one on the server that is asked, and then it is luck who lost what.
"""

from harness.core.model import ExpectedFinding, Plan
from harness.core.reason import Reason
from harness.faults.command import STALE_PEERS
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=STALE_PEERS,
    plan=Plan(restore=False, mend=True),
    strategy="files",
    expected_findings=(
        ExpectedFinding("data-equal", Reason.DefinitionDiffers, "consul", objects=("config service-defaults",)),
    ),
)
