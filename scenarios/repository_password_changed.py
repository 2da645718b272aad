"""Velero was reinstalled with another repository password than the one that encrypts the existing backups.

The namespace is lost, and the restore cannot open the repository (velero issue 7613 is similar). The pods start anyway,
with empty volumes: that must not look like a recovery.
"""

from harness.core.model import ExpectedFinding
from harness.core.reason import Reason
from harness.faults.credentials import ChangeSecret
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, SecondaryFault

CHANGED = ChangeSecret("other-password", "velero-repo-credentials", "repository-password", "another")

SCENARIO = Scenario(
    stores=("consul",),  # one is enough: what the volume holds does not matter
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(CHANGED, "restore"),),
    expected_findings=(
        ExpectedFinding(
            "restore-complete",
            (Reason.RestoreFailed, Reason.RestorePartiallyFailed),
            causes=(Reason.RepositoryPasswordRejected,),
        ),
    ),
)
