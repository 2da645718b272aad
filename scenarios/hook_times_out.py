"""The hook that stops a Consul server for the copy of its files is slower than its timeout.

Velero counts it as failed, copies nothing of this pod and never calls the hook that starts the server again: it stays
stopped until its own hold runs out. It must be noticed; whoever notices unlocks the database.
"""

from harness.faults.hooks import Annotate
from harness.model import Notice
from harness.scenario import Scenario, Trouble

IMPATIENT = {"pre.hook.backup.velero.io/timeout": "100ms"}

SCENARIO = Scenario(
    troubles=(Trouble(Annotate("impatient-hook", "consul-0", IMPATIENT, needs=("consul",)), "backup"),),
    noticed_by=(Notice("backup-complete", "hooks asked for, .* [1-9][0-9]* failed"),),
    strategy="frozen",
)
