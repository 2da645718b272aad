"""Consul loses all volumes, including the one with its snapshots. Three empty servers elect a leader and answer.

Kubernetes and Raft report them as healthy. Only drillproof's start scripts keep them closed to clients, because no
first start is allowed. The namespace is deleted and the last backup restored.
"""

from harness.core.model import Objectives, Plan
from harness.faults.volumes import LoseVolumes
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseVolumes("all of consul", ("consul-0", "consul-1", "consul-2", "consul-backup-0"), needs=("consul",)),
    plan=Plan(delete_namespace_first=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
