"""The namespace is deleted with every pod, claim and volume in it. The newest backup restores it."""

from harness.core.model import Objectives
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    objectives=Objectives(rto_s=600, rpo_s=300),
    default=True,
)
