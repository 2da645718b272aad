"""Velero was installed anew with another repository password than the one under which the backups were made.

The namespace is lost, and the restore finds a repository that it cannot open (velero issue 7613 is of this kind).
Pods come up all the same, with empty volumes: it must not look like a recovery.
"""

from harness.faults.namespace import DeleteNamespace
from harness.faults.secrets import ChangeSecret
from harness.model import Notice
from harness.scenario import Scenario, Trouble

SAID = "the tool says of its restore: (Partially)?Failed, .*(wrong|invalid repository) password"
CHANGED = ChangeSecret("other-password", "velero-repo-credentials", "repository-password", "another")

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    fault=DeleteNamespace(),
    troubles=(Trouble(CHANGED, "restore"),),
    noticed_by=(Notice("restore-complete", SAID),),
)
