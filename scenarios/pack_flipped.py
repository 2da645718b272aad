"""One byte of a pack of the finished backup changes in the bucket (a bad disk, a bad copy). Its length stays the same.

Velero never looks at a finished backup again: it stays Completed. Reading the repository must detect the damage. (A
lost blob cannot be repaired, so early detection is the only help: velero issue 8654.)
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    secondary_faults=(SecondaryFault(DamageObjects("pack", "packs", ObjectDamage.FLIPPED), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged),),
)
