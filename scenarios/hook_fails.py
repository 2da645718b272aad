"""The command that dumps a database before the copy fails, for example because its token has expired.

The volume still holds the previous dump, or nothing. Velero copies it anyway. The check of the backup must detect
the failed hook.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.annotations import ANY, Annotate
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    secondary_faults=(
        SecondaryFault(
            Annotate("failing-hook", ANY, {"pre.hook.backup.velero.io/command": '["/bin/sh", "-c", "exit 1"]'}),
            "backup",
        ),
    ),
    stores=("consul",),
    strategies=("dump", "physical"),
    expected_findings=(ExpectedFinding("backup-complete", Reason.HookFailed),),
)
