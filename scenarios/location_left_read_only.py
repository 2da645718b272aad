"""After a restore somebody leaves the backup storage location in read-only mode, as Velero's runbook sets it.

Velero's documentation on disaster recovery sets the location to ReadOnly before a restore, and back to ReadWrite after
it. If the second step is forgotten, Velero refuses every later backup, and the existing ones still say Completed. The
drill must detect it when the next backup is due.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.velero import ReadOnlyLocation
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    secondary_faults=(SecondaryFault(ReadOnlyLocation(), "backup"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.BackupRefused),
        ExpectedFinding("backup-complete", Reason.BackupNotStored),
    ),
)
