"""The hook that stops a Consul server for the copy of its files takes longer than its timeout.

Velero counts the hook as failed, copies nothing of this pod, and never runs the hook that starts the server again. The
first hook continues, so the server stays stopped until its own time limit (HOLD_S) starts it. The check of the backup
must detect the failed hook.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.annotations import Annotate
from harness.workflows.drill.scenario import Scenario, SecondaryFault

IMPATIENT = {
    "pre.hook.backup.velero.io/timeout": "100ms",
    "pre.hook.backup.velero.io/command": '["env", "HOLD_S=60", "/bin/sh", "/hold/hold.sh", "stop", "1", '
    '"/bin/sh", "-c", "kill -TERM $(cat /run/server)"]',
}

SCENARIO = Scenario(
    secondary_faults=(SecondaryFault(Annotate("impatient-hook", "consul-0", IMPATIENT, needs=("consul",)), "backup"),),
    expected_findings=(ExpectedFinding("backup-complete", Reason.HookFailed),),
    strategy="frozen",
    strategies=("frozen",),
)
