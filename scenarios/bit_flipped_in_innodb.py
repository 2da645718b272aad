"""One bit turns on the disk of a replica of MySQL, in a row that nobody reads. It replicates, Ready and healthy.

InnoDB checks a page when it reads it, and then ends itself rather than serve it (manual: innodb_checksum_algorithm).
Reading it back must notice, long before the replica is needed.
"""

from harness.core.model import ExpectedFinding, Plan
from harness.core.reason import Reason
from harness.faults.file_corruption import FlipBits
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=FlipBits("mysql", "replica", "gateway-7.example.org", folder="mysql/core_tenant"),
    plan=Plan(restore=False, volumes_stay=True),
    expected_findings=(ExpectedFinding("data-equal", Reason.DataCorrupted, "mysql"),),
)
