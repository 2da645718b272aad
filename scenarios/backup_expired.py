"""The namespace is lost, and the last backup had run out a moment before: Velero's own garbage collection took it.

A backup lives for 30 days if nobody says otherwise. There is nothing to restore, and that must be said.
"""

from harness.faults.machinery import ExpireBackups
from harness.faults.namespace import DeleteNamespace
from harness.model import Notice
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(ExpireBackups(), "write"),),
    noticed_by=(
        Notice("backup-complete", "the bucket holds nothing of this backup"),
        Notice("drill-finished", "for Velero to find the backup"),
    ),
)
