"""`rm -rf` of the data directory, on the primary instead of on the standby (GitLab, 31 January 2017). It still runs.

PostgreSQL ends itself within a minute, and an empty directory is no place to start from. The namespace is removed and
the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.file_corruption import WipeVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=WipeVolumes(("postgres-primary-0",), needs=("postgres",)),
    plan=Plan(make_way=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
