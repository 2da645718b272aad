"""The namespace is lost, and the disks of the nodes on which it is restored have little space left.

The backup is complete, but its data do not fit. Velero counts every byte as done, and reports PartiallyFailed; only the
log of a node agent says that there was no space left. The restore must not count as complete.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.disk import SmallDisk
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(SmallDisk(kib=256), "restore"),),
    expected_findings=(
        ExpectedFinding(
            "restore-complete", (Reason.RestoreFailed, Reason.RestorePartiallyFailed), causes=(Reason.DataPathFailed,)
        ),
    ),
)
