"""Two of three Consul servers lose their volumes. What the third has may lack what the two had agreed on.

The namespace is removed and the last backup restored; a server that comes back empty is no witness.
"""

from harness.core.model import Objectives, Plan
from harness.faults.volumes import LoseVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseVolumes("two servers of consul", ("consul-1", "consul-2"), needs=("consul",)),
    plan=Plan(make_way=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
