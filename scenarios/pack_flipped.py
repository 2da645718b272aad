"""One byte of a pack of the finished backup changes in the bucket, its length stays (a bad disk, a bad copy).

Velero looks at no backup again: it stays Completed. Reading the repository back must notice (velero issue 8654: there
is no way to mend a lost blob, so to know early is everything).
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(DamageObjects("pack", "packs", ObjectDamage.FLIPPED), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged),),
)
