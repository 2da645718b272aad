"""A pack of the finished backup loses its second half in the bucket. It must be noticed before it is needed."""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(DamageObjects("pack", "packs", ObjectDamage.CUT), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged),),
)
