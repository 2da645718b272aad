"""The node whose volume is to be copied does not reach the object store (a route, a firewall, a network policy).

Velero's own server does, so its location is Available. The backup must not look taken.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.network import CutFromStore
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    troubles=(Trouble(CutFromStore("consul-backup-0", needs=("consul",)), "backup"),),
    expected_findings=(ExpectedFinding("backup-complete", (Reason.BackupFailed, Reason.BackupPartiallyFailed)),),
    strategies=("dump", "physical"),
)
