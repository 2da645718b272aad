"""The repository's key is deleted from the bucket. Every pack still exists, and none can ever be decrypted again.

Velero never looks at a finished backup again: it stays Completed. Opening the repository must detect the loss.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    secondary_faults=(SecondaryFault(DamageObjects("key", "keys", ObjectDamage.MISSING, every=True), "write"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.RepositoryDamaged, causes=(Reason.RepositoryNotOpened,)),
    ),
)
