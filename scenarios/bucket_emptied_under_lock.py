"""Ransomware deletes the namespace, and then every object and version in the bucket, with Velero's own keys.

The bucket has object lock: for a day nobody can delete a version of a new object. The bucket is rewound to the time at
which the backup was stored. Velero then finds the backup again, and restores it.
"""

from harness.core.model import Objectives, Plan
from harness.faults.bucket import DeleteEverything, LockObjects
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(LockObjects(), "backup"), SecondaryFault(DeleteEverything(), "restore")),
    plan=Plan(rewind=True),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
