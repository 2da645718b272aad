"""Ransomware deletes everything in the bucket with Velero's own keys. Without object lock nothing is left.

Velero's Backup object in the cluster still says Completed. The check of the stored backup must detect the loss.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    secondary_faults=(SecondaryFault(DamageObjects("everything", "", ObjectDamage.MISSING, every=True), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.BackupNotStored),),
)
