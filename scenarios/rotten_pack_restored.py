"""Every pack of the backup has rotted in the bucket, nobody looked, and the namespace is deleted.

The restore is then the first to read it. Whatever comes up afterwards, it must not look like a recovery.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(DamageObjects("pack", "packs", ObjectDamage.FLIPPED, every=True), "write"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.RepositoryDamaged),
        ExpectedFinding("restore-complete", (Reason.RestoreFailed, Reason.RestorePartiallyFailed)),
    ),
)
