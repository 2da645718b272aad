"""MySQL: one primary and two replicas with GTID replication, as Custos runs it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT
from pymysql.cursors import Cursor, SSCursor

from harness.core.bank_workload import opening_balances
from harness.core.errors import HarnessError, ToolFailed
from harness.core.model import Health, IndexReading, Reading, Row
from harness.core.ports import Cluster, Corrupt, Dataset
from harness.core.reason import Reason
from harness.core.resources import fixtures
from harness.core.timeouts import RECOVER_S
from harness.core.wait import NotYet, until
from harness.workloads.mysql import corruption, reference_digest
from harness.workloads.mysql import indexes as mysql_indexes
from harness.workloads.mysql.catalog import ACCOUNTS, LEDGER
from harness.workloads.mysql.digest import digest, host
from harness.workloads.mysql.health import ERRORS, one, primary_health, replica_health
from harness.workloads.mysql.load import load
from harness.workloads.mysql.writer import MySQLWriter

_CONNECT_S = 10
_ANSWER_S = 900  # one statement: a scan of the largest table, or the load of one chunk
_CAUGHT_UP_S = 600.0  # for replicas to apply what a seeding has just written

MEMBERS: tuple[str, ...] = ("mysql-primary-0", "mysql-secondary-0", "mysql-secondary-1")
"""The pods of the built-in deployment."""


class MySQL:
    """Implements `harness.core.ports.Datastore`. Its manifests are in fixtures/mysql."""

    name = "mysql"
    members = MEMBERS
    container = "mysql"
    port = 3306
    user = "root"
    secret_keys = ("root-password", "replication-password")
    """The keys of the Secret `mysql-credentials`, which must exist before the manifests are applied."""

    def __init__(self, cluster: Cluster, namespace: str, secret: Mapping[str, str]) -> None:
        """`secret` has the values of `secret_keys`."""
        self._cluster = cluster
        self._namespace = namespace
        self._password = secret["root-password"]
        self._primary, *self._replicas = self.members

    def seed(self, dataset: Dataset) -> None:
        """Load the known data with LOAD DATA; return when both replicas have applied it."""
        folder = fixtures() / self.name
        with self._forward(self._primary) as address, self._connect(self._primary, address, loads=True) as connection:
            with connection.cursor() as sql:
                for file in ("ledger.sql", "schema.sql"):
                    script(sql, (folder / file).read_text(encoding="utf-8"))
                sql.execute("SET GLOBAL local_infile = ON")
                sql.execute("SET SESSION unique_checks = 0, foreign_key_checks = 0")  # known data keeps both
            for table in dataset.tables(self.name):
                load(connection, table, dataset.columns(self.name, table), dataset.rows(self.name, table))
            with connection.cursor() as sql:
                sql.execute("SET GLOBAL local_infile = OFF")
                sql.execute("SET SESSION unique_checks = 1, foreign_key_checks = 1")
                script(sql, (folder / "after.sql").read_text(encoding="utf-8"))
                open_accounts(sql)
                transactions = one(sql, "SELECT @@GLOBAL.gtid_executed")[0]
        self._until_all_applied(str(transactions))

    def forget_writes(self) -> None:
        """Empty the ledger and reset its accounts; return when both replicas have applied that."""
        with self.session(self._primary) as sql:
            for table in (LEDGER, *ACCOUNTS):
                sql.execute(f"TRUNCATE TABLE {table}")
            open_accounts(sql)
            transactions = one(sql, "SELECT @@GLOBAL.gtid_executed")[0]
        self._until_all_applied(str(transactions))

    def health(self, member: str) -> Health:
        """Check a member's role and replication, compared with the primary."""
        try:
            with self.session(self._primary) as primary:
                if member == self._primary:
                    return primary_health(primary)
                with self.session(member) as sql:
                    return replica_health(sql, primary)
        except HarnessError as error:
            reasons = (Reason.NotAnswering,)
            return Health(ok=False, detail=str(error), role="unknown", identity="", reasons=reasons)

    def digest(self, member: str) -> Reading:
        """Everything on this member, except `mysql.catalog.EXCLUDED`."""
        with self._damage(member), self._forward(member) as address:
            return digest(lambda: self._cursor(member, address), primary=member == self._primary)

    def indexes(self, member: str) -> IndexReading:
        """Every index on this member, except `mysql.indexes.EXCLUDED`."""
        with self._damage(member), self.session(member) as sql:
            return mysql_indexes.check_indexes(sql)

    def writer(self) -> MySQLWriter:
        """Connect to the primary as a client would."""
        return MySQLWriter(lambda: self._forward(self._primary), self._password, user=self.user)

    def ledger(self, member: str) -> Iterator[Row]:
        """The ledger's rows on this member, in insertion order."""
        with (
            corruption.raise_corrupt(),
            self._itself(member) as connection,
            connection.cursor(SSCursor) as sql,  # unbuffered: the rows come in a stream
        ):
            sql.execute("SELECT n, k, v FROM drillproof.ledger ORDER BY id")
            for n, key, value in sql:
                yield Row(n, key, value)

    def balances(self, member: str) -> dict[str, int]:
        """Every account with its balance on this member, from one statement and thus one snapshot."""
        each = (f"SELECT '{table.split('.')[1]}', id, balance FROM {table}" for table in ACCOUNTS)  # noqa: S608 # ours
        with corruption.raise_corrupt(), self._itself(member) as connection, connection.cursor() as sql:
            sql.execute(" UNION ALL ".join(each))
            return {f"{table}/{number}": int(balance) for table, number, balance in sql.fetchall()}

    @contextlib.contextmanager
    def session(self, member: str) -> Iterator[Cursor]:
        """An administrator's session on one member, in UTC."""
        with self._forward(member) as address, self._cursor(member, address) as sql:
            yield sql

    def execute(self, member: str, statement: str) -> None:
        """Run an administrator's statements on one member. ToolFailed if the member refuses one."""
        with self.session(member) as sql:
            script(sql, statement)

    def reference_digest(self, member: str) -> dict[str, str]:
        """The rows of every table, hashed by the client: see `harness.selftest.mutation.MutationTarget`."""
        with self._forward(member) as address, self._connect(member, address) as connection:
            return reference_digest.tables(connection)

    def recover(self) -> None:
        """Wait for the primary's container, then run recover.sh, which waits for the replicas and opens the service."""
        until(lambda: self._exec("true", within_s=30), waited_for=f"{self._primary}'s container", within_s=RECOVER_S)
        self._exec("bash", "/scripts/recover.sh", within_s=RECOVER_S)

    def _exec(self, *command: str, within_s: float) -> str:
        where = ("exec", "-n", self._namespace, self._primary, "-c", self.container, "--")
        return self._cluster.kubectl(*where, *command, within_s=within_s)

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
                where = ("logs", "-n", self._namespace, member, "-c", self.container, "--tail=500")
                if said := corruption.line_of_corruption(self._cluster.kubectl(*where, container)):
                    return said
        return ""

    def _until_all_applied(self, transactions: str) -> None:
        for member in self._replicas:
            self._until_applied(member, transactions)

    def _until_applied(self, member: str, transactions: str) -> None:
        def applied() -> None:
            with self.session(member) as sql:
                missing, *error = one(sql, f"SELECT GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed), {ERRORS}", transactions)
            if missing:
                raise NotYet(f"{member} lacks {missing} {error[0]}")

        until(applied, waited_for=f"{member} to apply what was loaded", within_s=_CAUGHT_UP_S)

    def _forward(self, member: str) -> contextlib.AbstractContextManager[tuple[str, int]]:
        return self._cluster.forward(self._namespace, member, self.port)

    @contextlib.contextmanager
    def _itself(self, member: str) -> Iterator[Connection[Cursor]]:
        """A connection to this very member: ToolFailed if another server answers."""
        with self._forward(member) as address, self._connect(member, address) as connection:
            with connection.cursor() as sql:
                own = host(sql)
            if own != member:
                raise ToolFailed(("mysql", member), 1, f"{own} answered in its place")
            yield connection

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
                user=self.user,
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


def open_accounts(sql: Cursor) -> None:
    """Give every account its opening balance."""
    for account, balance in opening_balances().items():
        table, number = account.split("/")
        sql.execute(f"INSERT INTO drillproof.{table} VALUES (%s, %s)", (number, balance))  # noqa: S608 # ours


def script(sql: Cursor, statements: str) -> None:
    """Run several statements; the server separates them."""
    sql.execute(statements)
    while sql.nextset():  # raises the error of a later statement
        pass
