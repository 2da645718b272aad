"""All volumes of Consul are lost, its last snapshot's with them. The three empty servers elect a leader and answer.

By what Kubernetes and Raft say they could be well; only that they were never told that they may begin anew keeps them
closed. The namespace is removed and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.volumes import LoseVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseVolumes("all of consul", ("consul-0", "consul-1", "consul-2", "consul-backup-0"), needs=("consul",)),
    plan=Plan(make_way=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
