"""Ransomware with Velero's own keys deletes the namespace, and then everything from the bucket, versions and all.

The bucket has object lock: of what was written within a day no version can be deleted, by nobody. The bucket is brought
back to how it was when the backup was stored, Velero finds the backup there again, and restores it.
"""

from harness.core.model import Objectives, Plan
from harness.faults.bucket import DeleteEverything, LockObjects
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(LockObjects(), "backup"), Trouble(DeleteEverything(), "restore")),
    plan=Plan(rewind=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
