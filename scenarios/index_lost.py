"""A lifecycle rule for other data deletes the repository's index from the bucket. The drill must detect it."""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    secondary_faults=(SecondaryFault(DamageObjects("index", "index", ObjectDamage.MISSING, every=True), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged),),
)
