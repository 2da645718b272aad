"""MariaDB with GTID replication: the built-in primary with two replicas, and servers of a user's own manifests."""

from pymysql.cursors import Cursor

from harness.core.model import Health
from harness.core.wait import NotYet
from harness.workloads.external import Server
from harness.workloads.mariadb.catalog import MARIADB
from harness.workloads.mariadb.health import channels, primary_health, replica_health
from harness.workloads.mysql.adapter import ExternalMySQL, MySQL
from harness.workloads.sql_store import one


class MariaDB(MySQL):
    """Implements `harness.core.ports.Datastore`. Its manifests are in fixtures/mariadb."""

    product = "MariaDB"
    oldest = (10, 11)

    server = Server(
        name="mariadb",
        kind="mariadb",
        members=("mariadb-primary-0", "mariadb-secondary-0", "mariadb-secondary-1"),
        container="mariadb",
        port=3306,
        user="root",
        databases=(),
        recover=("bash", "/scripts/recover.sh"),  # waits for the replicas, and opens the service
    )
    name = server.name
    members = server.members

    _dialect = MARIADB
    _position = "SELECT @@GLOBAL.gtid_current_pos"

    def _primary_health(self, sql: Cursor) -> Health:
        return primary_health(sql)

    def _replica_health(self, member: str, primary: Cursor) -> Health:
        with self.session(member) as sql:
            return replica_health(sql, primary)

    def _require_applied(self, member: str, position: str) -> None:
        with self.session(member) as sql:
            if one(sql, "SELECT MASTER_GTID_WAIT(%s, 0)", position)[0] != 0:
                errors = (each[f"Last_{part}_Error"] for each in channels(sql) for part in ("IO", "SQL"))
                raise NotYet(f"{member} lacks transactions up to {position} {' '.join(filter(None, errors))}")


class ExternalMariaDB(MariaDB, ExternalMySQL):
    """MariaDB run by a user's own manifests: one server, or a primary whose replicas follow it by GTID."""
