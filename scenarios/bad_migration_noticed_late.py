"""A schema migration empties a table, nobody sees it, and the next backup is taken without the rows.

The newest backup is worthless, so the one before it must be restored. Later writes are lost, and the drill counts them.
"""

from harness.core.model import Objectives, Plan
from harness.faults.sql import Statement
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=Statement("bad-migration", "postgres", "TRUNCATE public.user_attribute", "table public.user_attribute"),
    plan=Plan(delete_namespace_first=True, restore_earlier_backup=True),
    objectives=Objectives(rto_s=600, rpo_s=600),
)
