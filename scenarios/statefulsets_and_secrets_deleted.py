"""A cleaning script deletes every StatefulSet and Secret of the namespace. The volumes are still there, unused.

The namespace is removed and the last backup restored, Secrets included.
"""

from harness.faults.objects import DeleteObjects
from harness.model import Objectives, Plan
from harness.scenario import Scenario

SCENARIO = Scenario(
    fault=DeleteObjects(("statefulsets", "secrets")),
    plan=Plan(make_way=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
