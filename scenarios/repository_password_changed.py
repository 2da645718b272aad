"""Velero was installed anew with another repository password than the one under which the backups were made.

The namespace is lost, and the restore finds a repository that it cannot open (velero issue 7613 is of this kind).
Pods come up all the same, with empty volumes: it must not look like a recovery.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.credentials import ChangeSecret
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, Trouble

CHANGED = ChangeSecret("other-password", "velero-repo-credentials", "repository-password", "another")

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(CHANGED, "restore"),),
    expected_findings=(
        ExpectedFinding(
            "restore-complete",
            (Reason.RestoreFailed, Reason.RestorePartiallyFailed),
            causes=(Reason.RepositoryPasswordRejected,),
        ),
    ),
)
