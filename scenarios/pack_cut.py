"""A pack of the finished backup loses its second half in the bucket. The drill must detect it before a restore."""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    secondary_faults=(SecondaryFault(DamageObjects("pack", "packs", ObjectDamage.CUT), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.RepositoryDamaged),),
)
