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
from harness.workloads.postgres.adapter import Postgres
from harness.workloads.postgres.digest import DATABASES, relations, settle
from harness.workloads.sql_store import one

OLDEST = 17
"""The oldest supported version: older ones have other catalogs."""

_WHO = "SELECT current_setting('server_version_num')::int / 10000, rolsuper FROM pg_roles WHERE rolname = current_user"


class ExternalPostgres(Postgres):
    """Implements `harness.core.ports.Datastore` for a user's server."""

    sender = ""

    def __init__(self, cluster: Cluster, namespace: str, server: Server, secret: Mapping[str, str]) -> None:
        """`secret` has the password of the superuser whom `server` names."""
        self.server, self.name, self.members = server, server.name, server.members
        super().__init__(cluster, namespace, {self.secret_keys[0]: secret[PASSWORD]})

    def seed(self, dataset: Dataset) -> None:  # noqa: ARG002 # the application has its own data
        """Add the ledger and its accounts. HarnessError if the application's own data are missing."""
        with self._forward(self._primary) as address, self._cursor(self._primary, address) as sql:
            _require_supported(sql, self.name, self.server.user)
            sql.execute(DATABASES)
            databases = [str(name) for (name,) in sql]
            filled = set()
            for name in set(self.server.databases) & set(databases):
                with self._connect(self._primary, address, name) as database, database.cursor() as its:
                    filled |= {name} if _is_filled(its) else set()
            self.server.require_data(filled, databases)
            sql.execute((fixtures() / "postgres" / "ledger.sql").read_text(encoding="utf-8"))
            if self._replicas:
                settle(sql)
            self._open_accounts(sql)


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
