"""PostgreSQL's live files are copied while it writes, with checkpoints in between: Completed, Ready, and wrong.

Files copied before a checkpoint lack what it wrote, and `pg_control`, copied after it, makes recovery start behind that
point. Backup and restore are Completed, the server starts without an error, and acknowledged rows are gone. The longer
the copy takes, the more. Here the node agents are limited to a tenth of a CPU; a large database would take as long with
a whole one.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.checkpoint import CheckpointsDuringCopy
from harness.faults.namespace import DeleteNamespace
from harness.faults.velero import SlowNodeAgent
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    secondary_faults=(
        SecondaryFault(SlowNodeAgent(), "backup"),
        SecondaryFault(CheckpointsDuringCopy(), "backup", during=True),
    ),
    expected_findings=(
        ExpectedFinding(
            "ledger-kept",
            Reason.AcknowledgedWriteLost,
            "postgres",
            # Which file was copied before which checkpoint decides whether a row is lost, or its place in an index.
            otherwise=ExpectedFinding("indexes-hold", Reason.IndexDamaged, "postgres"),
        ),
    ),
    strategy="files",
    strategies=("files", "frozen-one-shot"),
)
