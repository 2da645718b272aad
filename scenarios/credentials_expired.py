"""Velero's keys for its bucket have expired, and nobody has renewed them.

Velero reports its location as Unavailable and refuses every backup (velero issues 5924 and 6329 are similar). A team
that looks only at existing backups sees no problem. The drill must detect it when the backup is due.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.credentials import RefuseCredentials
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    secondary_faults=(SecondaryFault(RefuseCredentials(), "backup"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.BackupRefused),
        ExpectedFinding("backup-complete", Reason.BackupNotStored),
    ),
)
