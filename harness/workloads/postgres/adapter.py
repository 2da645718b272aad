"""PostgreSQL: one primary and two synchronous streaming standbys, as Custos runs it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import psycopg2
from psycopg2.extensions import connection, cursor
from psycopg2.sql import SQL, Identifier

from harness.core.bank_workload import TABLES, opening_balances
from harness.core.errors import HarnessError, ToolFailed
from harness.core.model import Health, IndexReading, Reading, Row
from harness.core.ports import Cluster, Corrupt, Dataset
from harness.core.reason import Reason
from harness.core.resources import fixtures
from harness.core.timeouts import RECOVER_S
from harness.core.wait import NotYet, until
from harness.workloads.health import Problem, health_of
from harness.workloads.postgres import indexes as postgres_indexes
from harness.workloads.postgres.copy import CopyStream
from harness.workloads.postgres.corruption import is_damage
from harness.workloads.postgres.digest import HOST, MAIN, digest, settle
from harness.workloads.postgres.reference_digest import reference_digest
from harness.workloads.postgres.writer import PostgresWriter

_CAUGHT_UP_S = 300.0  # for standbys to replay what a seeding has just written
_COPY_BYTES = 1 << 18
_ROWS_AT_ONCE = 5000

_OPEN = SQL("INSERT INTO {} VALUES (%s, %s)")
_FORGET = "TRUNCATE " + ", ".join(f"drillproof.{table}" for table in ("ledger", *TABLES)) + " RESTART IDENTITY"
_BALANCES = " UNION ALL ".join(f"SELECT '{table}/' || id, balance FROM drillproof.{table}" for table in TABLES)  # noqa: S608 # our own names

MEMBERS: tuple[str, ...] = ("postgres-primary-0", "postgres-read-0", "postgres-read-1")
"""The pods of the built-in deployment."""


class Postgres:
    """Implements `harness.core.ports.Datastore`. Its manifests are in fixtures/postgres."""

    name = "postgres"
    members = MEMBERS
    container = "postgres"
    port = 5432
    user = "postgres"
    main = MAIN
    sender = "postgres-primary-0"
    """How the host name starts that standbys connect to; "" to allow any names of primary and standbys."""
    secret_keys = ("postgres-password", "replication-password")
    """The keys of the Secret `postgres-credentials`, which must exist before the manifests are applied."""

    def __init__(self, cluster: Cluster, namespace: str, secret: Mapping[str, str]) -> None:
        """`secret` has the values of `secret_keys`."""
        self._cluster = cluster
        self._namespace = namespace
        self._password = secret["postgres-password"]
        self._primary, *self._standbys = self.members

    def seed(self, dataset: Dataset) -> None:
        """Load the known data with COPY; return when both standbys have replayed it."""
        folder = fixtures() / self.name
        with self.session(self._primary) as sql:
            for file in ("ledger.sql", "schema.sql"):
                sql.execute((folder / file).read_text(encoding="utf-8"))
            for table in dataset.tables(self.name):
                copy = SQL("COPY {} ({}) FROM STDIN").format(
                    Identifier(*table.split(".")),
                    SQL(", ").join(map(Identifier, dataset.columns(self.name, table))),
                )
                sql.copy_expert(copy, CopyStream(dataset.rows(self.name, table)), _COPY_BYTES)  # type: ignore[arg-type] # it only reads
            sql.execute((folder / "after.sql").read_text(encoding="utf-8"))
            open_accounts(sql)
            settle(sql)
            sql.execute("ANALYZE")
            position = str(one(sql, "SELECT pg_current_wal_lsn()")[0])
        self._until_all_replayed(position)

    def forget_writes(self) -> None:
        """Empty the ledger and reset its accounts; return when both standbys have replayed that."""
        with self.session(self._primary) as sql:
            sql.execute(_FORGET)
            open_accounts(sql)
            position = str(one(sql, "SELECT pg_current_wal_lsn()")[0])
        self._until_all_replayed(position)

    def health(self, member: str) -> Health:
        """Check a member's role and replication.

        The primary must take writes and stream to both standbys. A standby must be of the same cluster and timeline,
        stream from the primary, and have replayed what the primary had on disk before, and no more than it has after.
        """
        try:
            with self.session(self._primary) as primary:
                identity, timeline, flushed = one(
                    primary,
                    "SELECT system_identifier, timeline_id, CASE WHEN pg_is_in_recovery() THEN NULL "
                    "ELSE pg_current_wal_flush_lsn() END::text FROM pg_control_system(), pg_control_checkpoint()",
                )
                if member == self._primary:
                    return _primary_health(primary, str(identity), self._standbys, by_name=bool(self.sender))
                if flushed is None:
                    return _no_answer(f"{self._primary} is a standby itself", Reason.RoleDiffers, (self._primary,))
                with self.session(member) as sql:
                    return _standby_health(sql, primary, (str(identity), str(timeline), str(flushed)), self.sender)
        except HarnessError as error:
            return _no_answer(str(error), Reason.NotAnswering)
        except Corrupt as error:
            return _no_answer(str(error), Reason.DataCorrupted, error.objects)

    def digest(self, member: str) -> Reading:
        """Everything in every database on this member, except the rows of the ledger and its accounts."""
        with self._forward(member) as address:
            return digest(lambda database: self._connect(member, address, database), self.main)

    def indexes(self, member: str) -> IndexReading:
        """Every index on this member, except `postgres.indexes.EXCLUDED`."""
        with self._forward(member) as address:
            return postgres_indexes.check_indexes(lambda database: self._connect(member, address, database), self.main)

    def writer(self) -> PostgresWriter:
        """Connect to the primary as a client would."""
        return PostgresWriter(lambda: self._forward(self._primary), self.main, self._password, user=self.user)

    def ledger(self, member: str) -> Iterator[Row]:
        """The ledger's rows on this member, in insertion order."""
        with (
            self._itself(member) as database,
            database.cursor("ledger") as sql,  # named: it stays in the server, and the rows come in a stream
        ):
            sql.itersize = _ROWS_AT_ONCE
            sql.execute("SELECT n, k, v FROM drillproof.ledger ORDER BY id")
            for n, key, value in sql:
                yield Row(n, key, value)

    def balances(self, member: str) -> Mapping[str, int]:
        """Every account with its balance on this member, from one snapshot."""
        with self._itself(member) as database, database.cursor() as sql:
            sql.execute(_BALANCES)
            return {str(account): int(balance) for account, balance in sql}

    def execute(self, member: str, statement: str) -> None:
        """Run one administrator's statement on one member's main database; return when every standby shows it, too."""
        with self.session(member) as sql:
            sql.execute("SET synchronous_commit = remote_apply")
            sql.execute(statement)

    def reference_digest(self, member: str) -> dict[str, str]:
        """The rows of every table of every database, and the large objects, hashed here from their binary form."""
        with self._forward(member) as address:
            return reference_digest(lambda database: self._connect(member, address, database), self.main)

    def recover(self) -> None:
        """Wait for the primary's container, then run recover.sh, which waits for the standbys and opens the service."""
        until(lambda: self._exec("true", within_s=30), waited_for=f"{self._primary}'s container", within_s=RECOVER_S)
        self._exec("bash", "/scripts/recover.sh", within_s=RECOVER_S)

    @contextlib.contextmanager
    def session(self, member: str) -> Iterator[cursor]:
        """A cursor on the main database of one member; every statement is its own transaction."""
        with self._forward(member) as address, self._connect(member, address, self.main) as database:
            database.autocommit = True
            with database.cursor() as sql:
                yield sql

    @contextlib.contextmanager
    def _itself(self, member: str) -> Iterator[connection]:
        """A connection to the main database of this very member: ToolFailed if another server answers."""
        with self._forward(member) as address, self._connect(member, address, self.main) as database:
            with database.cursor() as sql:
                (own,) = one(sql, HOST)
            if own != member:
                raise ToolFailed(("postgres", member), 1, f"{own} answered in its place")
            yield database

    def _exec(self, *command: str, within_s: float) -> str:
        where = ("exec", "-n", self._namespace, self._primary, "-c", self.container, "--")
        return self._cluster.kubectl(*where, *command, within_s=within_s)

    def _until_all_replayed(self, position: str) -> None:
        for member in self._standbys:
            self._until_replayed(member, position)

    def _until_replayed(self, member: str, position: str) -> None:
        def replayed() -> None:
            with self.session(member) as sql:
                done, seen = one(
                    sql, "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn, pg_last_wal_replay_lsn()", position
                )
            if not done:
                raise NotYet(f"{member} has replayed up to {seen}")

        until(replayed, waited_for=f"{member} to replay up to {position}", within_s=_CAUGHT_UP_S)

    def _forward(self, member: str) -> contextlib.AbstractContextManager[tuple[str, int]]:
        return self._cluster.forward(self._namespace, member, self.port)

    @contextlib.contextmanager
    def _connect(self, member: str, address: tuple[str, int], database: str) -> Iterator[connection]:
        """Corrupt if the server reports damaged data; ToolFailed for every other error inside the block."""
        try:
            opened = psycopg2.connect(
                host=address[0],
                port=address[1],
                dbname=database,
                user=self.user,
                password=self._password,
                application_name="drillproof",
                connect_timeout=10,
            )
            try:
                yield opened
            finally:
                opened.close()
        except psycopg2.Error as error:
            if is_damage(error.pgcode, str(error)):
                raise Corrupt(f"{database}: {str(error).strip()}", (f"database {database}",)) from error
            raise ToolFailed(("postgres", member, database), 1, str(error)) from error


def open_accounts(sql: cursor) -> None:
    """Give every account its opening balance."""
    for account, balance in opening_balances().items():
        table, number = account.split("/")
        sql.execute(_OPEN.format(Identifier("drillproof", table)), (number, balance))


def one(sql: cursor, statement: str, *parameters: object) -> tuple[object, ...]:
    """The only row of a statement's result."""
    sql.execute(statement, parameters)
    row = sql.fetchone()
    assert row is not None  # each of these statements gives one row
    return row


def _primary_health(sql: cursor, identity: str, standbys: list[str], *, by_name: bool) -> Health:
    recovering, closed, streaming = one(
        sql,
        "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool, "
        "ARRAY(SELECT application_name FROM pg_stat_replication WHERE state = 'streaming' ORDER BY 1)::text[]",
    )
    assert isinstance(streaming, list)
    missing = set(standbys) - set(streaming) if by_name else set(standbys[len(streaming) :])
    stopped = Reason.ReplicationStopped
    return health_of(
        (
            Problem(bool(recovering), Reason.RoleDiffers, "it is a standby"),
            Problem(bool(closed), Reason.ClosedToWrites, "it is closed to writes"),
            *(Problem(True, stopped, f"it does not stream to {name}", (name,)) for name in sorted(missing)),
        ),
        good=f"takes writes, streams to {', '.join(standbys) or 'no standby'}",
        role="replica" if recovering else "primary",
        identity=identity,
    )


def _no_answer(detail: str, reason: Reason, objects: tuple[str, ...] = ()) -> Health:
    return Health(ok=False, detail=detail, role="unknown", identity="", reasons=(reason,), objects=objects)


def _standby_health(
    sql: cursor, on_primary: cursor, primary: tuple[str, str, str], sender: str = Postgres.sender
) -> Health:
    """`primary` is its system identifier, timeline and flushed position, read before."""
    recovering, paused, replayed, position, status, timeline, host, identity = one(
        sql,
        "SELECT pg_is_in_recovery(), pg_is_in_recovery() AND pg_get_wal_replay_pause_state() <> 'not paused', "
        "coalesce(pg_last_wal_replay_lsn() >= %s::pg_lsn, false), "
        "pg_last_wal_replay_lsn(), r.status, r.received_tli::text, r.sender_host, c.system_identifier::text "
        "FROM pg_control_system() c LEFT JOIN pg_stat_wal_receiver r ON true",
        primary[2],
    )
    # A standby has WAL that its primary lacks on disk only if the primary came back from an older copy.
    ahead, written = one(
        on_primary, "SELECT %s::pg_lsn > pg_current_wal_flush_lsn(), pg_current_wal_flush_lsn()", position
    )
    beyond = f"it is ahead of its primary: it has replayed up to {position}, the primary has written up to {written}"
    foreign = f"it is of cluster {identity}, the primary of {primary[0]}"
    branched = f"it is on timeline {timeline}, the primary on {primary[1]}"
    behind = f"it has replayed up to {position}, the primary had {primary[2]}"
    return health_of(
        (
            Problem(bool(ahead), Reason.AheadOfPrimary, beyond),
            Problem(not recovering, Reason.RoleDiffers, "it is not a standby"),
            Problem(identity != primary[0], Reason.ForeignCluster, foreign),
            Problem(bool(paused), Reason.ReplicationPaused, "its replay is paused"),
            Problem(status != "streaming", Reason.ReplicationStopped, "it does not stream"),
            Problem(not str(host).startswith(sender), Reason.FollowsAnother, f"it streams from {host}"),
            Problem(timeline != primary[1], Reason.TimelineDiffers, branched),
            Problem(not replayed, Reason.ReplicationLagging, behind),
        ),
        good=f"streams from {host}, replayed up to {position}",
        role="replica" if recovering else "primary",
        identity=str(identity),
    )
