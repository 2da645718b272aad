"""MySQL's live files are copied while it writes: Completed, Ready, and wrong.

Each file is from another moment: the redo log is copied first, then the tables one by one. InnoDB starts, replicates
and reports no error, but transfers left one table and never arrived in another, rows are missing, and deleted ones are
back. The longer the copy takes, the more. Here the node agents are limited to a tenth of a CPU; a large database would
take as long with a whole one.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.velero import SlowNodeAgent
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(SlowNodeAgent(), "backup"),),
    expected_findings=(ExpectedFinding("transfers-whole", (Reason.BalanceSumDiffers, Reason.BalanceDiffers), "mysql"),),
    stores=("mysql",),
    strategy="files",
    strategies=("files", "frozen-one-shot"),
)
