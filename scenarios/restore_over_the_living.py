"""Keys were deleted, and somebody restores the backup into the namespace that still lives.

Velero passes over everything that exists, its volumes and their data included, and says Completed: nothing comes
back. (velero issues 5332, 6101 and 8047; a policy for existing resources does not restore data either.) It must be
noticed.
"""

from harness.faults.logical import Statement
from harness.model import ExpectedFinding
from harness.reason import Reason
from harness.scenario import Scenario

SCENARIO = Scenario(
    fault=Statement("delete-keys", "consul", "DELETE kv/vault/core?recurse=true", "kv vault/core"),
    expected_findings=(ExpectedFinding("restore-complete", Reason.VolumeNotRestored),),
)
