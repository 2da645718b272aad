"""A row differs on one MySQL replica, because somebody wrote there. No replication thread stops, no error is reported.

With `slave-skip-errors=1062`, which Custos' values set for its secondaries, the replica skips a row that already
exists: it reports that it has applied everything, and it has not. Without the setting replication stops with an error.
Only the rows themselves show it. (MySQL manual, replica_skip_errors: replicas "become hopelessly out of synchrony".)
"""

from harness.core.model import ExpectedFinding, Plan
from harness.core.reason import Reason
from harness.faults.command import Command
from harness.faults.observations import differing
from harness.workflows.drill.scenario import Scenario

WRITE = r"""
export MYSQL_PWD=$MYSQL_ROOT_PASSWORD
options=(--defaults-file=/scripts/my.cnf --user=root)
there=(--host=mysql-primary-0.mysql-primary)
here() { mysql "${options[@]}" -NB -e "$1"; }
id=$(mysql "${options[@]}" "${there[@]}" -NB -e "SELECT MIN(id) FROM core_tenant.contact")
row=$(mysqldump "${options[@]}" "${there[@]}" --no-create-info --compact --set-gtid-purged=OFF --single-transaction \
  --where="id = $id" core_tenant contact)
mysql "${options[@]}" "${there[@]}" -e "DELETE FROM core_tenant.contact WHERE id = $id"
until [ "$(here "SELECT COUNT(*) FROM core_tenant.contact WHERE id = $id")" = 0 ]; do sleep 0.2; done
here "SET GLOBAL super_read_only = OFF; SET sql_log_bin = OFF;
  INSERT INTO core_tenant.contact SELECT $id, MIN(id), 'written on the replica' FROM core_tenant.tenant;
  SET GLOBAL super_read_only = ON"
mysql "${options[@]}" "${there[@]}" core_tenant <<<"$row"
"""

SCENARIO = Scenario(
    fault=Command("wrote-on-a-replica", "mysql", ("mysql-secondary-1",), ("bash", "-ec", WRITE), differing),
    plan=Plan(restore=False),
    expected_findings=(
        ExpectedFinding("data-equal", Reason.RowsDiffer, "mysql", objects=("table core_tenant.contact",)),
    ),
)
