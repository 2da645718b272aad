"""PostgreSQL's primary comes back from an older copy of its volume, while the standbys keep their data.

The standbys are ahead on the same timeline. The primary takes their old positions as confirmations and acknowledges
writes that no standby has ("is now a synchronous standby"), and the standbys cannot replay further WAL ("record with
incorrect prev-link").
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
        # The primary may go on without them, or its commits may hang.
        ExpectedFinding("ledger-kept", (Reason.AcknowledgedWriteLost, Reason.MembersDiverge), "postgres"),
    ),
)
