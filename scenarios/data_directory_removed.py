"""`rm -rf` of the data directory, on the primary instead of the standby (GitLab, 31 January 2017). It still runs.

PostgreSQL stops itself within a minute, and cannot start with an empty directory. The namespace is deleted and the last
backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.file_corruption import WipeVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=WipeVolumes(("postgres-primary-0",), needs=("postgres",)),
    plan=Plan(delete_namespace_first=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
