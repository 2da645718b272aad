"""A DELETE without its WHERE removes every credential of every user from Keycloak's database.

Synchronous standbys make it worse: when the client gets its answer, all three members have lost the rows. The namespace
is deleted and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.sql import Statement
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=Statement("delete-without-where", "postgres", "DELETE FROM public.credential", "table public.credential"),
    plan=Plan(delete_namespace_first=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
