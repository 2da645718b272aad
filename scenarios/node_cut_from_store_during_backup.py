"""The node with the volume to copy cannot reach the object store (a route, a firewall, a network policy).

Velero's own server can, so its location is Available. The backup must not count as complete.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.network import CutFromStore
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    secondary_faults=(SecondaryFault(CutFromStore("consul-backup-0", needs=("consul",)), "backup"),),
    expected_findings=(ExpectedFinding("backup-complete", (Reason.BackupFailed, Reason.BackupPartiallyFailed)),),
    strategies=("dump", "physical"),
)
