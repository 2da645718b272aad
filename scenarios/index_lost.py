"""A lifecycle rule meant for something else deletes the repository's index from the bucket. It must be noticed."""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(DamageObjects("index", "index", ObjectDamage.MISSING, every=True), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged),),
)
