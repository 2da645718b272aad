"""One bit turns on the disk of a follower of Consul, in the log from which it builds its state when it starts.

Nothing checks the log then. The server starts, joins, is Ready and healthy, and from then on one of its keys has
another name than on the two others. Reading it back must notice. A snapshot has a checksum, and where the key was in
one the server refuses to start from it, and says so. Which of the two it is, is luck.
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
