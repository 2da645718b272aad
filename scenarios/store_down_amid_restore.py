"""The namespace is lost, and during its restore the object store fails as well: a second disaster.

The objects are restored, but the volume is empty. While the store is down, Velero never finishes: it keeps trying to
read the backup. When the store is up again, the namespace is deleted and the restore repeated, which must recover.
"""

from harness.core.model import Objectives, Plan
from harness.faults.namespace import DeleteNamespace
from harness.faults.objectstore import ObjectStoreDown
from harness.faults.velero import While
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(While("podvolumerestores", ObjectStoreDown()), "restore", during=True),),
    plan=Plan(retry_restore=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
