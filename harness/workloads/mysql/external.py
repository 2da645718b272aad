"""MySQL run by a user's own manifests: one server, or a primary whose replicas follow it by GTID.

drillproof adds only the ledger and its accounts.
"""

from __future__ import annotations

from collections.abc import Mapping

from pymysql.cursors import Cursor

from harness.core.errors import HarnessError
from harness.core.ports import Cluster, Dataset
from harness.core.resources import fixtures
from harness.workloads.external import PASSWORD, Server
from harness.workloads.mysql.adapter import MySQL, script
from harness.workloads.mysql.catalog import NO_ROWS
from harness.workloads.mysql.digest import quoted
from harness.workloads.sql_store import one

OLDEST = (8, 4)
"""The oldest supported version: older ones have other catalogs."""

_TABLES = f"""
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN {NO_ROWS}
"""  # noqa: S608 # constants of ours


class ExternalMySQL(MySQL):
    """Implements `harness.core.ports.Datastore` for a user's server."""

    def __init__(self, cluster: Cluster, namespace: str, server: Server, secret: Mapping[str, str]) -> None:
        """`secret` has the password of the administrator whom `server` names."""
        self.server, self.name, self.members = server, server.name, server.members
        super().__init__(cluster, namespace, {self.secret_keys[0]: secret[PASSWORD]})

    def seed(self, dataset: Dataset) -> None:  # noqa: ARG002 # the application has its own data
        """Add the ledger and its accounts. HarnessError if the application's own data are missing."""
        with self.session(self._primary) as sql:
            _require_supported(sql, self.name)
            self.server.require_data(_filled(sql), _databases(sql))
            script(sql, (fixtures() / "mysql" / "ledger.sql").read_text(encoding="utf-8"))
            self._open_accounts(sql)


def _require_supported(sql: Cursor, name: str) -> None:
    said = str(one(sql, "SELECT VERSION()")[0])
    if "mariadb" in said.lower():
        raise HarnessError(f"{name} is {said}, which is not supported: its catalogs differ from MySQL's")
    if tuple(map(int, said.partition("-")[0].split(".")[:2])) < OLDEST:
        raise HarnessError(f"{name} is MySQL {said}; the oldest supported version is {'.'.join(map(str, OLDEST))}")


def _databases(sql: Cursor) -> list[str]:
    sql.execute("SELECT schema_name FROM information_schema.schemata ORDER BY schema_name")
    return [str(name) for (name,) in sql.fetchall()]


def _filled(sql: Cursor) -> set[str]:
    """The databases that hold a row."""
    sql.execute(_TABLES)
    filled: set[str] = set()
    for database, table in sql.fetchall():
        if database not in filled:
            sql.execute(f"SELECT 1 FROM {quoted(database)}.{quoted(table)} LIMIT 1")  # noqa: S608 # names from the server's own catalog
            filled |= {str(database) for _ in sql.fetchall()}
    return filled
