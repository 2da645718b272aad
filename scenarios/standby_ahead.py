"""PostgreSQL's primary comes back from an older copy of its volume, while the standbys keep what they had.

They are ahead of it on the same timeline. The primary takes their old positions for receipts and acknowledges what no
standby has ("is now a synchronous standby"), and they can replay nothing more ("record with incorrect prev-link").
"""

from harness.core.model import ExpectedFinding, Plan
from harness.core.reason import Reason
from harness.faults.stale_volume import TurnBack
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=TurnBack("postgres-primary", "postgres"),
    plan=Plan(restore=False),
    expected_findings=(
        ExpectedFinding(
            "members-healthy",
            (Reason.AheadOfPrimary, Reason.ReplicationLagging, Reason.ReplicationStopped),
            "postgres",
        ),
        # Whether the primary went on without them, or its commits hang, is luck.
        ExpectedFinding("ledger-kept", (Reason.AcknowledgedWriteLost, Reason.MembersDiverge), "postgres"),
    ),
)
