"""A MySQL replica was created from the files of another one, including `auto.cnf`: both have the same server UUID.

The primary lets only one of them follow. The other stops with error 1236 and serves old data, although it is Ready.
(MySQL manual on replication, server_uuid: a copy of the files includes auto.cnf.)
"""

from harness.core.model import ExpectedFinding, Plan
from harness.core.reason import Reason
from harness.faults.command import Command
from harness.faults.observations import logged
from harness.workflows.drill.scenario import Scenario

COPY = r"""
export MYSQL_PWD=$MYSQL_ROOT_PASSWORD
other() { mysql --defaults-file=/scripts/my.cnf --user=root --host=mysql-secondary-0.mysql-secondary --raw -NB "$@"; }
other -e "SELECT CONCAT('[auto]\nserver-uuid=', @@server_uuid)" >/data/mysql/auto.cnf
"""

SCENARIO = Scenario(
    fault=Command(
        "same-server-uuid",
        "mysql",
        ("mysql-secondary-1",),
        ("bash", "-ec", COPY),
        logged("with the same server_uuid"),
        restart="mysql-secondary",
    ),
    plan=Plan(restore=False),
    expected_findings=(ExpectedFinding("members-healthy", Reason.DuplicateServerIdentity, "mysql"),),
)
