"""Every snapshot of the repository is deleted. Its packs all exist, but nothing says which bytes belong to what.

restic's own check reports such a repository as healthy; a comparison with the backup's volumes must detect the loss.
(kopia stores snapshots and directories in separate packs: with kopia these are deleted.)
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    secondary_faults=(
        SecondaryFault(DamageObjects("snapshots", "snapshots", ObjectDamage.MISSING, every=True), "write"),
    ),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged, causes=(Reason.SnapshotMissing,)),),
)
