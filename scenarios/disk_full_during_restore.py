"""The namespace is lost, and the disks of the nodes on which it is to be restored have little room left.

The backup is whole and what is in it does not fit. Velero counts every byte of it as done, and says PartiallyFailed;
that there was no space left stands in the log of a node agent only. The restore must not look like one.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.disk import SmallDisk
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    troubles=(Trouble(SmallDisk(kib=256), "restore"),),
    expected_findings=(
        ExpectedFinding(
            "restore-complete", (Reason.RestoreFailed, Reason.RestorePartiallyFailed), causes=(Reason.DataPathFailed,)
        ),
    ),
)
