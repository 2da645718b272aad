"""The repository's key is deleted from the bucket. Every pack is there, and nothing will ever be read of them again.

Velero looks at no backup again: it stays Completed. To open the repository must notice.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(DamageObjects("key", "keys", ObjectDamage.MISSING, every=True), "write"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.RepositoryDamaged, causes=(Reason.RepositoryNotOpened,)),
    ),
)
