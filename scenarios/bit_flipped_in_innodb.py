"""One bit flips on the disk of a MySQL replica, in a row that nobody reads. It replicates, Ready and healthy.

InnoDB verifies a page's checksum when it reads the page, and stops the server if it is wrong (MySQL manual:
innodb_checksum_algorithm). Reading every row must detect the damage long before the replica is needed.
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
