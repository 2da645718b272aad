"""A pack of the finished backup loses its second half in the bucket. It must be noticed before it is needed."""

from harness.faults.bucket import Rot, SpoilObjects
from harness.model import ExpectedFinding
from harness.reason import Reason
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(SpoilObjects("pack", "packs", Rot.CUT), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged),),
)
