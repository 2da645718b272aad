"""All of MySQL's volumes are lost: the primary's, both replicas', and the one with the dump.

The namespace is removed and the last backup restored.
"""

from harness.faults.volumes import LoseVolumes
from harness.model import Objectives, Plan
from harness.scenario import Scenario

SCENARIO = Scenario(
    fault=LoseVolumes("mysql", ("mysql-primary-0", "mysql-secondary-0", "mysql-secondary-1"), needs=("mysql",)),
    plan=Plan(make_way=True),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
