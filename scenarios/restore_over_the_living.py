"""Keys were deleted, and somebody restores the backup into the namespace, which still exists.

Velero skips everything that exists, including the volumes with their data, and says Completed. No data come back.
(velero issues 5332, 6101 and 8047; a policy for existing resources does not restore data either.) The drill must
detect it.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.sql import Statement
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=Statement("delete-keys", "consul", "DELETE kv/vault/core?recurse=true", "kv vault/core"),
    expected_findings=(ExpectedFinding("restore-complete", Reason.VolumeNotRestored),),
)
