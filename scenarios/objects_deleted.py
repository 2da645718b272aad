"""`kubectl delete statefulsets,secrets --all` in the wrong namespace. The claims and volumes stay, with all data.

The backup is restored over what is left: Velero creates the deleted objects and skips the claims, and the databases
start with their existing data. Only the volume with the dump is overwritten, and nobody reads it. Nothing is lost.
"""

from harness.core.model import Objectives, Plan
from harness.faults.namespace import DeleteObjects
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=DeleteObjects(("statefulsets", "secrets")),
    plan=Plan(volumes_stay=True),
    objectives=Objectives(rto_s=600, rpo_s=0),
)
