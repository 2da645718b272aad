"""The namespace is lost, and in the middle of its restore the object store goes down as well: a second disaster.

Its objects are back, and its volume is empty. Velero itself never comes to an end while the store is down: it goes on
trying to read the backup. When the store is up again, what came back is removed and the restore asked for again, which
must recover.
"""

from harness.core.model import Objectives, Plan
from harness.faults.namespace import DeleteNamespace
from harness.faults.objectstore import ObjectStoreDown
from harness.faults.velero import While
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(While("podvolumerestores", ObjectStoreDown()), "restore", beside=True),),
    plan=Plan(again=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
