"""The pod that holds Consul's backup volume is scaled to none when the backup is due.

Velero copies volumes of running pods only (its manual on file system backup says so; velero issue 2887): it finds
nothing wrong and says Completed. It must be noticed when the backup is taken.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.statefulset import ScaleDown
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    troubles=(Trouble(ScaleDown("consul-backup", needs=("consul",)), "backup"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.VolumeNotBackedUp, "consul", objects=("volume dump",)),
    ),
    strategies=("dump", "physical"),
)
