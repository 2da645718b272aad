"""MySQL with GTID replication: the built-in primary with two replicas, and servers of a user's own manifests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT
from pymysql.cursors import Cursor, SSCursor

from harness.core.errors import HarnessError, ToolFailed
from harness.core.model import Health, IndexReading, Reading
from harness.core.ports import ClusterAccess, Corrupt, Dataset
from harness.core.resources import fixtures
from harness.core.wait import NotYet
from harness.workloads.external import PASSWORD, Server
from harness.workloads.mysql import corruption, reference_digest
from harness.workloads.mysql import indexes as mysql_indexes
from harness.workloads.mysql.catalog import MYSQL, Dialect
from harness.workloads.mysql.digest import HOST, digest, quoted
from harness.workloads.mysql.health import primary_health, replica_health
from harness.workloads.mysql.load import load
from harness.workloads.mysql.writer import MySQLWriter
from harness.workloads.sql_store import SqlStore, one

_LEDGER = Path("mysql/ledger.sql")  # below the fixtures
_CONNECT_S = 10
_ANSWER_S = 900  # one statement: a scan of the largest table, or the load of one chunk


class MySQL(SqlStore["Connection[Cursor]", Cursor]):
    """Implements `harness.core.ports.Datastore`. Its manifests are in fixtures/mysql."""

    product: ClassVar[str] = "MySQL"
    oldest: ClassVar[tuple[int, ...]] = (8, 4)
    """The oldest supported version: older ones have other catalogs."""

    server = Server(
        name="mysql",
        kind="mysql",
        members=("mysql-primary-0", "mysql-secondary-0", "mysql-secondary-1"),
        container="mysql",
        port=3306,
        user="root",
        databases=(),
        recover=("bash", "/scripts/recover.sh"),  # waits for the replicas, and opens the service
    )
    name = server.name
    members = server.members
    secret_keys = ("root-password", "replication-password")

    _dialect: ClassVar[Dialect] = MYSQL
    _host = HOST
    _position = "SELECT @@GLOBAL.gtid_executed"
    _truncate = "TRUNCATE TABLE drillproof.{}"
    _apply_s = 600

    def seed(self, dataset: Dataset) -> None:
        """Load the known data with LOAD DATA; return when both replicas have applied it."""
        folder = fixtures() / self.name
        with self._forward(self._primary) as address, self._connect(self._primary, address, loads=True) as connection:
            with connection.cursor() as sql:
                for file in (fixtures() / _LEDGER, folder / "schema.sql"):
                    script(sql, file.read_text(encoding="utf-8"))
                sql.execute("SET GLOBAL local_infile = ON")
                sql.execute("SET SESSION unique_checks = 0, foreign_key_checks = 0")  # known data keeps both
            for table in dataset.tables(self.name):
                columns, rows = dataset.columns(self.name, table), dataset.rows(self.name, table)
                load(connection, table, columns, rows, self._dialect)
            with connection.cursor() as sql:
                sql.execute("SET GLOBAL local_infile = OFF")
                sql.execute("SET SESSION unique_checks = 1, foreign_key_checks = 1")
                script(sql, (folder / "after.sql").read_text(encoding="utf-8"))
                self._open_accounts(sql)

    def digest(self, member: str) -> Reading:
        """Everything on this member, except `mysql.catalog.EXCLUDED`."""
        with self._damage(member), self._forward(member) as address:
            return digest(lambda: self._cursor(member, address), self._dialect, primary=member == self._primary)

    def indexes(self, member: str) -> IndexReading:
        """Every index on this member, except `mysql.indexes.EXCLUDED`."""
        with self._damage(member), self.session(member) as sql:
            return mysql_indexes.check_indexes(sql, self._dialect)

    def writer(self) -> MySQLWriter:
        return MySQLWriter(lambda: self._forward(self._primary), self._password, user=self.server.user)

    def execute(self, member: str, statement: str) -> None:
        """Run an administrator's statements on one member. ToolFailed if the member refuses one."""
        with self.session(member) as sql:
            script(sql, statement)

    def reference_digest(self, member: str) -> dict[str, str]:
        """The rows of every table, hashed by the client: see `harness.selftest.mutation.MutationTarget`."""
        with self._forward(member) as address, self._connect(member, address) as connection:
            return reference_digest.tables(connection)

    @contextlib.contextmanager
    def _damage(self, member: str) -> Iterator[None]:
        """Raise Corrupt if the member reports damaged data, or logged them before it stopped itself."""
        try:
            with corruption.raise_corrupt():
                yield
        except ToolFailed as error:
            if said := self._died_of_damage(member):
                raise Corrupt(f"{error.tail}: {said}", error.about) from error
            raise

    def _died_of_damage(self, member: str) -> str:
        """The log line of a server that stopped itself over a damaged page, as InnoDB does; "" if there is none."""
        for container in ("--previous=false", "--previous=true"):  # it may have restarted since, or not yet
            with contextlib.suppress(ToolFailed):  # there is no previous one
                where = ("logs", "-n", self._namespace, member, "-c", self.server.container, "--tail=500")
                if said := corruption.line_of_corruption(self._cluster.kubectl(*where, container)):
                    return said
        return ""

    def _primary_health(self, sql: Cursor) -> Health:
        return primary_health(sql)

    def _replica_health(self, member: str, primary: Cursor) -> Health:
        with self.session(member) as sql:
            return replica_health(sql, primary)

    def _require_applied(self, member: str, position: str) -> None:
        with self.session(member) as sql:
            missing, error = one(sql, self._dialect.queries["missing_transactions"], position)
        if missing:
            raise NotYet(f"{member} lacks {missing} {error}")

    def _rows(self, member: str, query: str) -> Iterator[tuple[Any, ...]]:
        with corruption.raise_corrupt():
            yield from super()._rows(member, query)

    def _stream(self, connection: Connection[Cursor]) -> SSCursor:
        return connection.cursor(SSCursor)

    @contextlib.contextmanager
    def _cursor(self, member: str, address: tuple[str, int]) -> Iterator[Cursor]:
        with self._connect(member, address) as connection, connection.cursor() as sql:
            yield sql

    @contextlib.contextmanager
    def _connect(self, member: str, address: tuple[str, int], *, loads: bool = False) -> Iterator[Connection[Cursor]]:
        """ToolFailed for every error of the server or the connection inside the block."""
        try:
            with pymysql.connect(
                host=address[0],
                port=address[1],
                user=self.server.user,
                password=self._password,
                charset="utf8mb4",
                autocommit=True,
                local_infile=loads,  # a server may ask for any file of ours: only the one that we seed
                client_flag=CLIENT.MULTI_STATEMENTS,
                init_command="SET time_zone = '+00:00'",
                connect_timeout=_CONNECT_S,
                read_timeout=_ANSWER_S,
                write_timeout=_ANSWER_S,
                program_name="drillproof",
            ) as connection:
                yield connection
        except (pymysql.MySQLError, OSError, RuntimeError) as error:  # RuntimeError: it asked for a file
            raise ToolFailed(("mysql", member), 1, str(error)) from error


def script(sql: Cursor, statements: str) -> None:
    """Run several statements; the server separates them."""
    sql.execute(statements)
    while sql.nextset():  # raises the error of a later statement
        pass


class ExternalMySQL(MySQL):
    """MySQL run by a user's own manifests: one server, or a primary whose replicas follow it by GTID.

    drillproof adds only the ledger and its accounts.
    """

    def __init__(self, cluster: ClusterAccess, namespace: str, server: Server, secret: Mapping[str, str]) -> None:
        """`secret` has the password of the administrator whom `server` names."""
        self.server, self.name, self.members = server, server.name, server.members
        super().__init__(cluster, namespace, {self.secret_keys[0]: secret.get(PASSWORD, "")})

    def seed(self, dataset: Dataset) -> None:  # noqa: ARG002 # the application has its own data
        """Add the ledger and its accounts. HarnessError if the application's own data are missing."""
        with self.session(self._primary) as sql:
            _require_supported(sql, self.name, type(self))
            sql.execute("SELECT schema_name FROM information_schema.schemata ORDER BY schema_name")
            databases = [str(name) for (name,) in sql]
            self.server.require_data(_filled(sql, self._dialect), databases)
            script(sql, (fixtures() / _LEDGER).read_text(encoding="utf-8"))
            self._open_accounts(sql)


def _require_supported(sql: Cursor, name: str, kind: type[MySQL]) -> None:
    version = str(one(sql, "SELECT VERSION()")[0])
    product = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    if product != kind.product:
        said = f'not {kind.product}; write kind = "{product.lower()}" in the application file'
        raise HarnessError(f"{name} is {product} {version}, {said}")
    if tuple(map(int, version.partition("-")[0].split(".")[:2])) < kind.oldest:
        least = ".".join(map(str, kind.oldest))
        raise HarnessError(f"{name} is {product} {version}; the oldest supported version is {least}")


def _filled(sql: Cursor, dialect: Dialect) -> set[str]:
    sql.execute(dialect.queries["user_tables"])
    filled: set[str] = set()
    for database, table in sql.fetchall():
        if database not in filled:
            sql.execute(f"SELECT 1 FROM {quoted(database)}.{quoted(table)} LIMIT 1")  # noqa: S608 # names from the server's own catalog
            filled |= {str(database) for _ in sql.fetchall()}
    return filled
