"""The pod that holds Consul's backup volume is scaled to none when the backup is due.

Velero copies volumes of running pods only (its manual on file system backup says so; velero issue 2887): it finds
nothing wrong and says Completed. It must be noticed when the backup is taken.
"""

from harness.faults.workloads import ScaleDown
from harness.model import Notice
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    troubles=(Trouble(ScaleDown("consul-backup", needs=("consul",)), "backup"),),
    noticed_by=(Notice("backup-complete", "volume dump was not copied at all", "consul"),),
    strategies=("dump", "physical"),
)
