"""Velero's data mover took the snapshot, and the copy of it into the bucket is cancelled.

Velero does so itself at `--item-operation-timeout`, and when a node agent restarts. The snapshot is deleted with it, so
the backup has nothing of the volume.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.velero import CancelUploads
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    secondary_faults=(SecondaryFault(CancelUploads(), "backup", during=True),),
    stores=("consul",),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.BackupPartiallyFailed),
        ExpectedFinding("backup-complete", Reason.VolumeBackupFailed, "consul"),
    ),
    engine="velero-datamover",
)
