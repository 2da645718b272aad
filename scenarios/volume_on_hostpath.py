"""The volume with Consul's snapshot is a hostPath, the default of local-path's storage classes.

Velero says Completed, with a warning in a log, and has copied nothing (velero issues 4962 and 3053; kind's default
class is of this kind). The drill must detect it when the backup is taken, not when it is needed.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.volumes import HostPathVolume
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    secondary_faults=(SecondaryFault(HostPathVolume("consul-backup-0", "drill", needs=("consul",)), "backup"),),
    expected_findings=(
        ExpectedFinding("backup-complete", Reason.VolumeNotBackedUp, "consul", objects=("volume dump",)),
    ),
)
