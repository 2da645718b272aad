"""The object store is down when the backup is due. The backup must not look taken."""

from harness.faults.objectstore import ObjectStoreDown
from harness.model import Notice
from harness.scenario import Scenario, Trouble

SCENARIO = Scenario(
    stores=("consul",),  # what it is about knows nothing of what a volume holds
    troubles=(Trouble(ObjectStoreDown(), "backup"),),
    noticed_by=(
        Notice("backup-complete", "the tool says of its backup: (Partially)?Failed"),
        Notice("backup-complete", "the bucket holds nothing of this backup"),
    ),
)
