"""Velero's server is killed in the middle of a backup, by an eviction or a lack of memory.

The backup must end as Failed and not stay InProgress for ever, nor say Completed (velero issues 3852, 2877, 4503).
"""

from harness.faults.machinery import KillWhileWorking
from harness.model import Notice
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    troubles=(Trouble(KillWhileWorking("velero", "backups"), "backup", beside=True),),
    noticed_by=(Notice("backup-complete", "the tool says of its backup: (Partially)?Failed"),),
)
