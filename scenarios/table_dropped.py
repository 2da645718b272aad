"""Somebody drops a table on the production MySQL, and both replicas drop it within the second.

Replication is not a backup: it copies mistakes. The namespace is deleted and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.sql import Statement
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=Statement(
        "drop-table", "mysql", "DROP TABLE core_user_profile.user_attribute", "table core_user_profile.user_attribute"
    ),
    plan=Plan(delete_namespace_first=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
