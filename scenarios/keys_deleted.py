"""`consul kv delete -recurse vault/core`: Vault's keyring is gone, and with it everything that Vault ever stored.

All three servers replicate the deletion at once. The namespace is deleted and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.sql import Statement
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=Statement("delete-keys", "consul", "DELETE kv/vault/core?recurse=true", "kv vault/core"),
    plan=Plan(delete_namespace_first=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
