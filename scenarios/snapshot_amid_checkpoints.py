"""PostgreSQL's live files are snapshotted, and the snapshot is copied while checkpoints run in the live database.

A copy of the files is torn by that (`torn_postgres`). A snapshot is of one moment, whatever is written later.
"""

from harness.core.model import Objectives
from harness.faults.checkpoint import CheckpointsDuringCopy
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(CheckpointsDuringCopy(), "backup", during=True),),
    objectives=Objectives(rto_s=900, rpo_s=300),
    strategy="files",
    engine="velero-datamover",
)
