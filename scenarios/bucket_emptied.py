"""Ransomware with Velero's own keys deletes everything from the bucket. Without object lock nothing is left.

Velero's Backup object in the cluster still says Completed. It must be noticed.
"""

from harness.faults.bucket import Rot, SpoilObjects
from harness.model import Notice
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(SpoilObjects("everything", "", Rot.MISSING, every=True), "write"),),
    noticed_by=(Notice("backup-complete", "the bucket holds nothing of this backup"),),
)
