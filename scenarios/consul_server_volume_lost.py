"""One Consul server loses its volume. The other two have a quorum and replicate everything to it; nothing is lost."""

from harness.core.model import Objectives, Plan
from harness.faults.volumes import LoseVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseVolumes("a server of consul", ("consul-2",), needs=("consul",)),
    plan=Plan(restore=False),
    objectives=Objectives(rto_s=300, rpo_s=0),
)
