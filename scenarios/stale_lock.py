"""A prune was killed and left its lock in the repository; the namespace is lost, and nobody has thought of the lock.

Velero unlocks only what restic calls stale, and a lock of another machine is that after half an hour (velero issues
2193, 5669 and 9437). Until then, or until somebody unlocks the repository by hand, the restore fails. It must say so.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.repository import LeaveLock
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(LeaveLock(), "restore"),),
    expected_findings=(
        ExpectedFinding(
            "restore-complete", (Reason.RestoreFailed, Reason.RestorePartiallyFailed), causes=(Reason.RepositoryLocked,)
        ),
    ),
)
