"""After the backup the password of the standbys was changed, in PostgreSQL and in its Secret. Then all is lost.

The restore brings the old data and the old Secret, and they fit each other: it recovers. What comes out is the lesson:
the password that was changed since somebody knew it is good again, and nobody says so.
"""

from harness.core.model import Objectives
from harness.faults.credentials import STANDBYS_PASSWORD
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill.scenario import Scenario, Trouble

SCENARIO = Scenario(
    fault=DeleteNamespace(),
    troubles=(Trouble(STANDBYS_PASSWORD, "write"),),
    objectives=Objectives(rto_s=600, rpo_s=300),
)
