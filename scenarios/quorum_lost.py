"""Two of three Consul servers lose their volumes. The third may lack entries that those two had committed.

An empty server proves nothing, so the namespace is deleted and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.volumes import LoseVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseVolumes("two servers of consul", ("consul-1", "consul-2"), needs=("consul",)),
    plan=Plan(delete_namespace_first=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
