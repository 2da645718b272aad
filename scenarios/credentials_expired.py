"""The keys with which Velero comes to its bucket have expired, and nobody has given it new ones.

Velero calls its location Unavailable and refuses every backup (velero issues 5924 and 6329 are of this kind); who looks
only at the backups that there are sees nothing. It must be noticed when the backup is due.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.credentials import RefuseCredentials
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(RefuseCredentials(), "backup"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.BackupRefused),
        ExpectedFinding("backup-complete", Reason.BackupNotStored),
    ),
)
