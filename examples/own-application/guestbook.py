"""The guestbook as drillproof sees it: one PostgreSQL server in one pod. Implements `harness.core.ports.Datastore`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import ClassVar

import psycopg2
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values
from psycopg2.sql import SQL, Identifier

from harness.core import bank_workload
from harness.core.errors import ToolFailed
from harness.core.model import Health, Part, Reading, Row
from harness.core.ports import Cluster, Corrupt, Dataset, Writer
from harness.core.reason import Reason
from harness.workloads.postgres.writer import PostgresWriter

PORT = 5432
DATABASE = "guestbook"
SCHEMA = """
CREATE TABLE guests (id uuid PRIMARY KEY, name text NOT NULL, note text);
CREATE SCHEMA drillproof;
CREATE TABLE drillproof.ledger (n bigint NOT NULL, k text PRIMARY KEY, v text NOT NULL);
CREATE TABLE drillproof.checking (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE drillproof.savings (id int PRIMARY KEY, balance bigint NOT NULL);
"""
"""What PostgresWriter writes to is in the schema `drillproof`; the rest is the guestbook's own."""

COLUMNS = """
SELECT format('%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relkind = 'r' AND attnum > 0 AND relnamespace IN ('public'::regnamespace, 'drillproof'::regnamespace)
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname IN ('public', 'drillproof')"
ROLES = "SELECT format('%s %s %s %s', rolname, rolsuper, rolcanlogin, rolpassword) FROM pg_authid"

_LINES = (
    "SELECT count(*), coalesce(md5(string_agg(line, E'\\n' ORDER BY line COLLATE \"C\")), '') FROM ({}) AS t (line)"
)
_ROWS = SQL("SELECT md5(t::text) FROM ONLY {} AS t")


class Guestbook:
    """One server, one member."""

    name = "guestbook"
    members = ("guestbook-0",)
    secret_keys: ClassVar[tuple[str, ...]] = ("postgres-password",)

    def __init__(self, cluster: Cluster, namespace: str, secret: Mapping[str, str]) -> None:
        """`secret` is the content of the Secret `guestbook-credentials`."""
        self._cluster = cluster
        self._namespace = namespace
        self._password = secret["postgres-password"]

    def seed(self, dataset: Dataset) -> None:
        """Make the tables and load the known data; there is one member, so it has them then."""
        with self._asked(self.members[0]) as sql:
            sql.execute(SCHEMA)
            for table in dataset.tables(self.name):
                columns = map(Identifier, dataset.columns(self.name, table))
                into = SQL("INSERT INTO {} ({}) VALUES %s").format(Identifier(table), SQL(", ").join(columns))
                execute_values(sql, into, dataset.rows(self.name, table))
            for account, balance in bank_workload.opening_balances().items():
                kind, number = account.split("/")
                opened = SQL("INSERT INTO {} VALUES (%s, %s)").format(Identifier("drillproof", kind))
                sql.execute(opened, (int(number), balance))

    def health(self, member: str) -> Health:
        """Well if it takes writes; it has nobody to replicate to."""
        with self._asked(member) as sql:
            sql.execute("SELECT pg_is_in_recovery(), system_identifier::text FROM pg_control_system()")
            recovering, identity = _one(sql)
        reasons = (Reason.RoleDiffers,) if recovering else ()
        detail = "recovering" if recovering else "takes writes"
        return Health(not recovering, detail, "primary", str(identity), reasons)

    def digest(self, member: str) -> Reading:
        """Every row of every table that is not the ledger's, and all definitions, digested inside the database."""
        with self._asked(member) as sql:
            sql.execute("SELECT trim(E'\\n' FROM pg_read_file('/etc/hostname'))")
            (host,) = _one(sql)
            sql.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            tables = {f"table {table}": _ROWS.format(Identifier("public", table)) for (table,) in sql.fetchall()}
            asked = {**tables, "columns": SQL(COLUMNS), "indexes": SQL(INDEXES), "roles": SQL(ROLES)}
            return Reading(str(host), {part: _digest(sql, lines.as_string(sql)) for part, lines in asked.items()})

    def writer(self) -> Writer:
        """Any PostgreSQL with the schema `drillproof` can be written to by drillproof's own client."""
        return PostgresWriter(lambda: self._way(self.members[0]), DATABASE, self._password)

    def ledger(self, member: str) -> Iterator[Row]:
        """The ledger's rows; a guestbook of this size need not stream them."""
        with self._asked(member) as sql:
            sql.execute("SELECT n, k, v FROM drillproof.ledger ORDER BY k")
            yield from (Row(*row) for row in sql)

    def balances(self, member: str) -> Mapping[str, int]:
        """Every account with its balance."""
        with self._asked(member) as sql:
            sql.execute(
                "SELECT 'checking/' || id, balance FROM drillproof.checking"
                " UNION ALL SELECT 'savings/' || id, balance FROM drillproof.savings"
            )
            return dict(sql.fetchall())

    def recover(self) -> None:
        """Nothing: start.sh loads the dump by itself."""

    def _way(self, member: str) -> AbstractContextManager[tuple[str, int]]:
        return self._cluster.forward(self._namespace, member, PORT)

    @contextlib.contextmanager
    def _asked(self, member: str) -> Iterator[cursor]:
        """A transaction with one member. Corrupt if it says that its data are damaged, else ToolFailed."""
        with self._way(member) as (host, port):
            try:
                with (
                    contextlib.closing(
                        psycopg2.connect(
                            host=host,
                            port=port,
                            dbname=DATABASE,
                            user="postgres",
                            password=self._password,
                            connect_timeout=10,
                            options="-c statement_timeout=60s",
                        )
                    ) as connection,
                    connection,
                    connection.cursor() as sql,
                ):
                    yield sql
            except psycopg2.Error as error:
                if error.pgcode and error.pgcode.startswith("XX"):
                    raise Corrupt(str(error).strip()) from error
                raise ToolFailed((member, "psql"), 1, str(error).strip()) from error


def _one(sql: cursor) -> tuple[object, ...]:
    row = sql.fetchone()
    if row is None:
        raise psycopg2.DataError("no row where one must be")
    return row


def _digest(sql: cursor, lines: str) -> Part:
    sql.execute(_LINES.format(lines))
    rows, value = _one(sql)
    return Part(int(str(rows)), str(value))
