"""The standbys no longer have the names in `synchronous_standby_names`, as after a move or a new chart release.

All members are Ready and replicate, and everything can be read, but every COMMIT hangs for ever. Readiness probes as
charts have them (pg_isready) do not detect that. (PostgreSQL manual, section 26.2.8, on missing synchronous standbys.)
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
