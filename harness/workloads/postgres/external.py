"""PostgreSQL run by a user's own manifests: one server, or a primary that streams to standbys.

drillproof needs a superuser, and adds only the schema `drillproof` with the ledger and its accounts.
"""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2.extensions import cursor
from psycopg2.sql import SQL, Identifier

from harness.core.errors import HarnessError
from harness.core.ports import Cluster, Dataset
from harness.core.resources import fixtures
from harness.workloads.external import PASSWORD, Server
from harness.workloads.postgres.adapter import Postgres, one, open_accounts
from harness.workloads.postgres.digest import DATABASES, relations, settle

OLDEST = 17
"""The oldest supported version: older ones have other catalogs."""

_WHO = "SELECT current_setting('server_version_num')::int / 10000, rolsuper FROM pg_roles WHERE rolname = current_user"


class ExternalPostgres(Postgres):
    """Implements `harness.core.ports.Datastore` for a user's server."""

    sender = ""

    def __init__(self, cluster: Cluster, namespace: str, server: Server, secret: Mapping[str, str]) -> None:
        """`secret` has the password of the superuser whom `server` names."""
        self.name, self.members = server.name, server.members
        self.container, self.port, self.user = server.container, server.port, server.user
        self.main = server.databases[0]
        super().__init__(cluster, namespace, {"postgres-password": secret[PASSWORD]})
        self._server = server

    def seed(self, dataset: Dataset) -> None:  # noqa: ARG002 # the application has its own data
        """Add the ledger and its accounts. HarnessError if the application's own data are missing."""
        with self._forward(self._primary) as address:
            databases, filled = [], set()
            with self._connect(self._primary, address, self.main) as database, database.cursor() as sql:
                _require_supported(sql, self.name, self.user)
                sql.execute(DATABASES)
                databases = [str(name) for (name,) in sql.fetchall()]
            for name in set(self._server.databases) & set(databases):
                with self._connect(self._primary, address, name) as database, database.cursor() as sql:
                    filled |= {name} if _is_filled(sql) else set()
        self._server.require_data(filled, databases)
        with self.session(self._primary) as sql:
            sql.execute((fixtures() / "postgres" / "ledger.sql").read_text(encoding="utf-8"))
            open_accounts(sql)
            if self._standbys:
                settle(sql)
            position = str(one(sql, "SELECT pg_current_wal_lsn()")[0])
        self._until_all_replayed(position)

    def recover(self) -> None:
        self._server.run_recover_command(self._cluster, self._namespace)


def _require_supported(sql: cursor, name: str, user: str) -> None:
    version, is_superuser = one(sql, _WHO)
    if int(str(version)) < OLDEST:
        raise HarnessError(f"{name} is PostgreSQL {version}; the oldest supported version is {OLDEST}")
    if not is_superuser:
        raise HarnessError(f"{user} is not a superuser of {name}, and cannot read all of it; set `user` to one")


def _is_filled(sql: cursor) -> bool:
    """Whether any table of the session's database holds a row."""
    for relation in relations(sql):
        if relation.kind != "S":
            sql.execute(SQL("SELECT 1 FROM ONLY {} LIMIT 1").format(Identifier(relation.schema, relation.name)))
            if sql.fetchone():
                return True
    return False
