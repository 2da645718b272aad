"""A hook runs `FLUSH TABLES WITH READ LOCK` in a session that stays open, and the hook that should end it never runs.

All members are Ready and replicate, and everything can be read, but every write hangs.
"""

from harness.core.model import ExpectedFinding, Plan
from harness.core.reason import Reason
from harness.faults.command import Command
from harness.faults.observations import writes_stand_still
from harness.workflows.drill.scenario import Scenario

HOLD = """
export MYSQL_PWD=$MYSQL_ROOT_PASSWORD
setsid --fork mysql --defaults-file=/scripts/my.cnf --user=root -e 'FLUSH TABLES WITH READ LOCK; DO SLEEP(86400)' \
  </dev/null >/dev/null 2>&1
"""

SCENARIO = Scenario(
    fault=Command("left-held", "mysql", ("mysql-primary-0",), ("bash", "-ec", HOLD), writes_stand_still),
    plan=Plan(restore=False),
    expected_findings=(ExpectedFinding("new-write", Reason.WriteNotCommitted, "mysql"),),
)
