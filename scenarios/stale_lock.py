"""A prune was killed and left its lock in the repository; the namespace is lost, and nobody knows of the lock.

Velero removes only locks that restic calls stale. A lock of another machine is stale after half an hour (velero issues
2193, 5669 and 9437). Until then the restore fails, unless somebody unlocks the repository by hand. The drill must name
the lock as the cause.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.namespace import DeleteNamespace
from harness.faults.repository import LeaveLock
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(LeaveLock(), "restore"),),
    expected_findings=(
        ExpectedFinding(
            "restore-complete", (Reason.RestoreFailed, Reason.RestorePartiallyFailed), causes=(Reason.RepositoryLocked,)
        ),
    ),
)
