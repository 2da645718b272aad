"""A pack of the finished backup is gone from the bucket. restic asks for it for 45 s before it says so."""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(DamageObjects("pack", "packs", ObjectDamage.MISSING), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged),),
)
