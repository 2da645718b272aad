"""MySQL: one primary and two replicas that follow it by GTID, as Custos runs it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT
from pymysql.cursors import Cursor, SSCursor

from harness.data import fixtures
from harness.datastores.mysql_digest import digest
from harness.datastores.mysql_load import load
from harness.datastores.mysql_writer import MySQLWriter
from harness.deadlines import RECOVER_S
from harness.errors import HarnessError, ToolFailed
from harness.model import Digest, Health, Row
from harness.ports import Cluster, Dataset
from harness.wait import NotYet, until

_PORT = 3306
_CONNECT_S = 10
_ANSWER_S = 900  # one statement: a scan of the largest table, or the load of one chunk
_CAUGHT_UP_S = 600.0  # for replicas to apply what a seeding has just written
_LAG_S = 2  # how long a healthy replica may take for what the primary had when it was asked


class MySQL:
    """Implements `harness.ports.Datastore`; what is deployed is in fixtures/mysql."""

    name = "mysql"
    members = ("mysql-primary-0", "mysql-secondary-0", "mysql-secondary-1")
    secret_keys = ("root-password", "replication-password")
    """The keys of the Secret `mysql-credentials`, which must be there before the manifests are applied."""

    def __init__(self, cluster: Cluster, namespace: str, secret: Mapping[str, str]) -> None:
        """`secret` has the values of `secret_keys`."""
        self._cluster = cluster
        self._namespace = namespace
        self._password = secret["root-password"]
        self._primary, *self._replicas = self.members

    def seed(self, dataset: Dataset) -> None:
        """Load the known data with LOAD DATA; return when both replicas have applied it."""
        folder = fixtures() / self.name
        with self._forward(self._primary) as address, self._connect(self._primary, address) as connection:
            with connection.cursor() as sql:
                _script(sql, (folder / "schema.sql").read_text(encoding="utf-8"))
                sql.execute("SET GLOBAL local_infile = ON")
                sql.execute("SET SESSION unique_checks = 0, foreign_key_checks = 0")  # known data keeps both
            for table in dataset.tables(self.name):
                load(connection, table, dataset.columns(self.name, table), dataset.rows(self.name, table))
            with connection.cursor() as sql:
                sql.execute("SET GLOBAL local_infile = OFF")
                sql.execute("SET SESSION unique_checks = 1, foreign_key_checks = 1")
                _script(sql, (folder / "after.sql").read_text(encoding="utf-8"))
                transactions = _one(sql, "SELECT @@GLOBAL.gtid_executed")[0]
        for member in self._replicas:
            self._until_applied(member, str(transactions))

    def health(self, member: str) -> Health:
        """Ask a member about its role and its replication.

        The primary must take writes. A replica must be closed to them, receive from this very primary and apply
        without an error, have all that the primary had when it was asked, and nothing that the primary has not.
        """
        try:
            with self._sql(self._primary) as primary:
                uuid, closed, transactions = map(str, _one(primary, _IDENTITY))
                if member == self._primary:
                    return _primary_health(primary, uuid, closed=closed != "0")
                with self._sql(member) as sql:
                    return _replica_health(sql, primary, uuid, transactions)
        except HarnessError as error:
            return Health(ok=False, detail=str(error), role="unknown", identity="")

    def digest(self, member: str) -> Digest:
        """Everything but the ledger's rows, as this member shows it."""
        with self._forward(member) as address:
            return digest(lambda: self._cursor(member, address))

    def writer(self) -> MySQLWriter:
        """Connect to the primary as a client would."""
        return MySQLWriter(lambda: self._forward(self._primary), self._password)

    def ledger(self, member: str) -> Iterator[Row]:
        """The ledger's rows as this member shows them, in the order in which they were put."""
        with (
            self._forward(member) as address,
            self._connect(member, address) as connection,
            connection.cursor(SSCursor) as sql,  # unbuffered: the rows come in a stream
        ):
            sql.execute("SELECT n, k, v FROM drillproof.ledger ORDER BY id")
            for n, key, value in sql:
                yield Row(n, key, value)

    def recover(self) -> None:
        """Wait for the primary's container, then let recover.sh wait for the replicas and open the service."""
        until(lambda: self._exec("true", within_s=30), waited_for=f"{self._primary}'s container", within_s=RECOVER_S)
        self._exec("bash", "/scripts/recover.sh", within_s=RECOVER_S)

    def _exec(self, *command: str, within_s: float) -> str:
        where = ("exec", "-n", self._namespace, self._primary, "-c", "mysql", "--")
        return self._cluster.kubectl(*where, *command, within_s=within_s)

    def _until_applied(self, member: str, transactions: str) -> None:
        def applied() -> None:
            with self._sql(member) as sql:
                missing, *error = _one(
                    sql, f"SELECT GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed), {_ERRORS}", transactions
                )
            if missing:
                raise NotYet(f"it lacks {missing} {error[0]}")

        until(applied, waited_for=f"{member} to apply what was loaded", within_s=_CAUGHT_UP_S)

    def _forward(self, member: str) -> contextlib.AbstractContextManager[tuple[str, int]]:
        return self._cluster.forward(self._namespace, member, _PORT)

    @contextlib.contextmanager
    def _sql(self, member: str) -> Iterator[Cursor]:
        with self._forward(member) as address, self._cursor(member, address) as sql:
            yield sql

    @contextlib.contextmanager
    def _cursor(self, member: str, address: tuple[str, int]) -> Iterator[Cursor]:
        with self._connect(member, address) as connection, connection.cursor() as sql:
            yield sql

    @contextlib.contextmanager
    def _connect(self, member: str, address: tuple[str, int]) -> Iterator[Connection[Cursor]]:
        """ToolFailed for whatever the server or the connection has to say against what is done inside."""
        try:
            with pymysql.connect(
                host=address[0],
                port=address[1],
                user="root",
                password=self._password,
                charset="utf8mb4",
                autocommit=True,
                local_infile=True,
                client_flag=CLIENT.MULTI_STATEMENTS,
                init_command="SET time_zone = '+00:00'",
                connect_timeout=_CONNECT_S,
                read_timeout=_ANSWER_S,
                write_timeout=_ANSWER_S,
                program_name="drillproof",
            ) as connection:
                yield connection
        except (pymysql.MySQLError, OSError) as error:
            raise ToolFailed(("mysql", member), 1, str(error)) from error


_IDENTITY = "SELECT @@server_uuid, @@GLOBAL.read_only OR @@GLOBAL.super_read_only, @@GLOBAL.gtid_executed"
_ERRORS = (
    "(SELECT COALESCE(GROUP_CONCAT(NULLIF(last_error_message, '') SEPARATOR '; '), '') FROM ("
    "SELECT last_error_message FROM performance_schema.replication_connection_status UNION ALL "
    "SELECT last_error_message FROM performance_schema.replication_applier_status_by_coordinator UNION ALL "
    "SELECT last_error_message FROM performance_schema.replication_applier_status_by_worker) e)"
)
_REPLICATION = (
    "SELECT @@server_uuid, @@GLOBAL.super_read_only, @@GLOBAL.gtid_executed, "  # noqa: S608 # constants of ours
    "COALESCE((SELECT MAX(service_state) FROM performance_schema.replication_connection_status), 'absent'), "
    "COALESCE((SELECT MAX(service_state) FROM performance_schema.replication_applier_status), 'absent'), "
    f"COALESCE((SELECT MAX(source_uuid) FROM performance_schema.replication_connection_status), ''), {_ERRORS}"
)


def _one(sql: Cursor, statement: str, *parameters: object) -> tuple[object, ...]:
    sql.execute(statement, parameters)
    row = sql.fetchone()
    assert row is not None  # each of these statements gives one row
    return row


def _script(sql: Cursor, statements: str) -> None:
    """Run many statements; the server takes them apart."""
    sql.execute(statements)
    while sql.nextset():  # raises what a later statement came to
        pass


def _primary_health(sql: Cursor, uuid: str, *, closed: bool) -> Health:
    sql.execute("SELECT event_name FROM information_schema.events WHERE status = 'REPLICA_SIDE_DISABLED'")
    wrong = [
        *(["it is closed to writes"] if closed else []),
        *(f"event {name} is disabled as on a replica" for (name,) in sql.fetchall()),
    ]
    return Health(ok=not wrong, detail="; ".join(wrong) or "takes writes", role="primary", identity=uuid)


def _replica_health(sql: Cursor, primary: Cursor, source: str, transactions: str) -> Health:
    """`source` and `transactions` are the primary's server_uuid and its gtid_executed of a moment ago."""
    late = _one(sql, "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", transactions, _LAG_S)[0]
    uuid, closed, executed, receives, applies, follows, errors = map(str, _one(sql, _REPLICATION))
    errant = _one(primary, "SELECT GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed)", executed)[0]
    wrong = [
        *([] if closed == "1" else ["it is open to writes"]),
        *([] if receives == "ON" else [f"its receiver is {receives}"]),
        *([] if applies == "ON" else [f"its applier is {applies}"]),
        *([] if follows == source else [f"it follows {follows or 'nobody'}, the primary is {source}"]),
        *([] if uuid != source else ["it has the primary's identity"]),
        *([] if not late else [f"it lacks what the primary had {_LAG_S} s before: {transactions}"]),
        *([] if not errant else [f"it has transactions that the primary lacks: {errant}"]),
        *([errors] if errors else []),
    ]
    detail = "; ".join(wrong) or f"follows {source}, has all it had"
    return Health(ok=not wrong, detail=detail, role="replica", identity=uuid)
