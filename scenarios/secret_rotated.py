"""After the backup the standbys' password is changed, in PostgreSQL and in its Secret. Then the namespace is lost.

The restore brings back the old data and the old Secret, which match: the service recovers. But the old password, which
may have been changed because it leaked, is valid again, and no tool reports that.
"""

from harness.core.model import Objectives
from harness.faults.credentials import STANDBYS_PASSWORD
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    secondary_faults=(SecondaryFault(STANDBYS_PASSWORD, "write"),),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
