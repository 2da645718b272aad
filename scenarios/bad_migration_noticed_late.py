"""A migration empties a table, nobody notices, and the next backup is taken of what is left.

The newest backup is then worth nothing; the one before it must be chosen. What was written in between is lost,
and is counted.
"""

from harness.core.model import Objectives, Plan
from harness.faults.sql import Statement
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=Statement("bad-migration", "postgres", "TRUNCATE public.user_attribute", "table public.user_attribute"),
    plan=Plan(make_way=True, older=True),
    objectives=Objectives(rto_s=600, rpo_s=600),
)
