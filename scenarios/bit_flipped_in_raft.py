"""One bit flips on the disk of a Consul follower, in the log from which it builds its state when it starts.

Consul does not verify that log. The server starts, joins, is Ready and healthy, but one of its keys has another name
than on the other two servers. Reading every key must detect that. If the key was in a snapshot instead, which has a
checksum, the server refuses to start and logs why. Either can happen.
"""

from harness.core.model import ExpectedFinding, Plan
from harness.core.reason import Reason
from harness.faults.file_corruption import FlipBits
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=FlipBits("consul", "follower", "vault/core/shamir-kek", folder="raft"),
    plan=Plan(restore=False, volumes_stay=True),
    expected_findings=(
        ExpectedFinding(
            "data-equal",
            (Reason.PartMissing, Reason.PartEmptied, Reason.RowsMissing, Reason.RowsUnexpected, Reason.RowsDiffer),
            "consul",
            objects=("kv vault/core",),
            otherwise=ExpectedFinding("drill-finished", Reason.RecoveryFailed, causes=(Reason.SnapshotCorrupted,)),
        ),
    ),
)
