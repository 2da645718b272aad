"""One bit flips on the disk of a PostgreSQL standby, in a row that nobody reads. You would fail over to this standby.

It starts, streams, and is Ready and healthy. PostgreSQL verifies a page's checksum only when it reads the page
(PostgreSQL manual: data checksums). Reading every row must detect the damage.
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
