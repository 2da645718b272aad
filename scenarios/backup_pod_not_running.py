"""The pod with Consul's backup volume is scaled to 0 when the backup is due.

Velero copies only volumes of running pods (Velero's documentation of file system backup; velero issue 2887). It reports
no problem, and Completed. The check of the backup must detect that the volume is not in it.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.statefulset import ScaleDown
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    secondary_faults=(SecondaryFault(ScaleDown("consul-backup", needs=("consul",)), "backup"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.VolumeNotBackedUp, "consul", objects=("volume dump",)),
    ),
    strategies=("dump", "physical"),
)
