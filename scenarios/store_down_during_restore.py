"""The namespace is lost, and the object store is down when it is to be restored. Nothing may look recovered."""

from harness.faults.namespace import DeleteNamespace
from harness.faults.objectstore import ObjectStoreDown
from harness.model import Notice
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(ObjectStoreDown(), "restore"),),
    noticed_by=(Notice("restore-complete", "its restore: (Partially)?Failed.*error downloading backup"),),
)
