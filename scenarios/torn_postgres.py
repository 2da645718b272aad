"""Checkpoints fall into the copy of PostgreSQL's live files: Completed, Ready, and wrong.

Velero copies the data directory file by file while the server writes. A table's file is copied, a checkpoint then
writes newer pages of it and moves the point where recovery begins, and `global/pg_control`, which says so, is copied
last: what lies between is in no file of the backup. Nothing complains: the backup and the restore are Completed, the
server starts without an error. The manual says it (25.2: the server must be shut down; 25.3: or use the backup API).
"""

from harness.faults.checkpoint import CheckpointsDuringCopy
from harness.faults.namespace import DeleteNamespace
from harness.scenario import Notice, Scenario, Trouble

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    troubles=(Trouble(CheckpointsDuringCopy(), "backup", beside=True),),
    noticed_by=(Notice("ledger-kept", store="postgres"),),
    stores=("postgres",),
    strategy="files",
)
