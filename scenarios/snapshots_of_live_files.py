"""Live files are backed up by an atomic snapshot of each volume, without a hook, and the namespace is lost.

Each database recovers from its snapshot as from a power cut. The volumes are snapshotted one after the other, so the
stores have different recovery points (skew). The same with a copy of the files: `--engine velero-kopia`.
"""

from harness.core.model import Objectives
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    objectives=Objectives(rto_s=900, rpo_s=300, skew_s=60),
    strategy="files",
    engine="velero-datamover",
)
