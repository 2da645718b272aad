"""A lifecycle rule meant for something else deletes the repository's index from the bucket. It must be noticed."""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import Rot, SpoilObjects
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(SpoilObjects("index", "index", Rot.MISSING, every=True), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged),),
)
