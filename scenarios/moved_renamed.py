"""The service moves to another cluster, and there to another namespace and another storage class.

Whatever has the old names written in, an address with its namespace, a claim that asks for a class that is not there,
does not come up, or finds the wrong one: https://velero.io/docs/v1.16/restore-reference/ tells how Velero maps them.
"""

from harness.core.model import Objectives, Plan
from harness.faults.network import IsolateCluster
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=IsolateCluster(),
    plan=Plan(move=True, namespace="custos-new", storage_class="other"),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
