"""The command that takes Consul's snapshot before the copy fails, for instance since its token has expired.

The volume still holds the snapshot of last time, or nothing. Velero copies it all the same; it must be noticed.
"""

from harness.faults.hooks import Annotate
from harness.model import ExpectedFinding
from harness.reason import Reason
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    troubles=(
        Trouble(
            Annotate(
                "failing-hook",
                "consul-backup-0",
                {"pre.hook.backup.velero.io/command": '["/bin/sh", "-c", "exit 1"]'},
                needs=("consul",),
            ),
            "backup",
        ),
    ),
    strategies=("dump", "physical"),
    expected_findings=(ExpectedFinding("backup-complete", Reason.HookFailed),),
)
