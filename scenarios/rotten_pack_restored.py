"""Every pack of the backup is damaged in the bucket, nobody has looked, and the namespace is deleted.

The restore is the first to read them. Whatever starts afterwards must not look like a recovery.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(DamageObjects("pack", "packs", ObjectDamage.FLIPPED, every=True), "write"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.RepositoryDamaged),
        ExpectedFinding("restore-complete", (Reason.RestoreFailed, Reason.RestorePartiallyFailed)),
    ),
)
