"""The standbys go by other names than `synchronous_standby_names` waits for, as after a move or a chart's new release.

All members are Ready and replicate, everything can be read, and every COMMIT hangs for ever. No probe of a kind that
charts bring (pg_isready) notices. (PostgreSQL's manual, section 26.2.8, on synchronous standbys that are missing.)
"""

from harness.core.model import ExpectedFinding, Plan
from harness.core.reason import Reason
from harness.faults.command import Command
from harness.faults.observations import writes_stand_still
from harness.workflows.drill.scenario import Scenario

RENAME = r"""
. /scripts/cluster.sh
sql -d postgres -c "ALTER SYSTEM SET synchronous_standby_names = 'FIRST 2 (\"old-read-0\", \"old-read-1\")'" \
  -c "SELECT pg_reload_conf()"
"""

SCENARIO = Scenario(
    fault=Command("renamed-standbys", "postgres", ("postgres-primary-0",), ("bash", "-ec", RENAME), writes_stand_still),
    plan=Plan(restore=False),
    expected_findings=(ExpectedFinding("new-write", Reason.WriteNotCommitted, "postgres"),),
)
