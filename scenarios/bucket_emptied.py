"""Ransomware with Velero's own keys deletes everything from the bucket. Without object lock nothing is left.

Velero's Backup object in the cluster still says Completed. It must be noticed.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.bucket import DamageObjects, ObjectDamage
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(DamageObjects("everything", "", ObjectDamage.MISSING, every=True), "write"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.BackupNotStored),),
)
