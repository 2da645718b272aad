"""Every snapshot of the repository is deleted; its packs are all there, and nobody knows which bytes are what.

restic's own check calls such a repository healthy; counting the backup's copies against it must notice. (kopia keeps
snapshots and directories in packs of their own: with it, these are deleted.)
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(DamageObjects("snapshots", "snapshots", ObjectDamage.MISSING, every=True), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged, causes=(Reason.SnapshotMissing,)),),
)
