"""The service moves to another cluster, and there to another namespace and another storage class.

Everything that contains the old names, such as an address with its namespace or a claim for a missing storage class,
does not start or connects to the wrong service. https://velero.io/docs/v1.16/restore-reference/ describes how Velero
maps the names.
"""

from harness.core.model import Objectives, Plan
from harness.faults.network import IsolateCluster
from harness.workflows.drill.scenario import Scenario

SCENARIO = Scenario(
    fault=IsolateCluster(),
    plan=Plan(move=True, namespace="custos-new", storage_class="other"),
    objectives=Objectives(rto_s=900, rpo_s=300),
)
