"""One bit turns on the disk of a standby of PostgreSQL, in a row that nobody reads: the one you would fail over to.

It starts, streams, and is Ready and healthy. Only who reads the table hears of it, as PostgreSQL checks a page when it
reads it, and not before (manual: data checksums). Reading it back must notice.
"""

from harness.core.model import ExpectedFinding, Plan
from harness.core.reason import Reason
from harness.faults.file_corruption import FlipBits
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=FlipBits("postgres", "replica", "portal-600.example.org", folder="pg/base", flush="CHECKPOINT"),
    plan=Plan(restore=False, volumes_stay=True),
    expected_findings=(ExpectedFinding("data-equal", Reason.DataCorrupted, "postgres"),),
)
