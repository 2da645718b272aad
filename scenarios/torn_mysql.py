"""MySQL's live files are copied while it writes: Completed, Ready, and wrong.

Each file is of another moment: the redo log is copied first, the tables after it, one by one. InnoDB starts, replicates
and reports no error; what was paid out of one table has not arrived in the other, rows are missing, deleted ones are
back. The longer the copy takes the more of them: here the node agents have a tenth of a processor, where a large
database would take as long with a whole one.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.velero import SlowNodeAgent
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    troubles=(Trouble(SlowNodeAgent(), "backup"),),
    expected_findings=(ExpectedFinding("transfers-whole", (Reason.BalanceSumDiffers, Reason.BalanceDiffers), "mysql"),),
    stores=("mysql",),
    strategy="files",
    strategies=("files", "frozen-one-shot"),
)
