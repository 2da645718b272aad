"""Keys were deleted, and somebody restores the backup into the namespace that still lives.

Velero passes over everything that exists, its volumes and their data included, and says Completed: nothing comes
back. (velero issues 5332, 6101 and 8047; a policy for existing resources does not restore data either.) It must be
noticed.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.sql import Statement
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=Statement("delete-keys", "consul", "DELETE kv/vault/core?recurse=true", "kv vault/core"),
    expected_findings=(ExpectedFinding("restore-complete", Reason.VolumeNotRestored),),
)
