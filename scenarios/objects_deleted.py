"""`kubectl delete statefulsets,secrets --all`, in the wrong namespace. The claims stay, and the volumes with all data.

The backup is restored over what is left: it brings back what is gone, passes over the claims, and the databases start
with the data that they had. Only the volume with the dump is overwritten, and nobody reads it. So nothing is lost.
"""

from harness.core.model import Objectives, Plan
from harness.faults.namespace import DeleteObjects
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=DeleteObjects(("statefulsets", "secrets")),
    plan=Plan(volumes_stay=True),
    objectives=Objectives(rto_s=600, rpo_s=0),
)
