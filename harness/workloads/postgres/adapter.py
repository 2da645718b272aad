"""PostgreSQL with streaming: the built-in primary with two synchronous standbys, and servers of a user's manifests."""

import contextlib
import io
from collections.abc import Iterator, Mapping

import psycopg2
from psycopg2.extensions import connection, cursor
from psycopg2.sql import SQL, Identifier

from harness.core.errors import HarnessError, ToolFailed
from harness.core.model import Health, IndexReading, Reading
from harness.core.ports import ClusterAccess, Corrupt, Dataset
from harness.core.reason import Reason
from harness.core.resources import fixtures
from harness.core.wait import NotYet
from harness.workloads.external import PASSWORD, Server
from harness.workloads.health import Problem, health_of
from harness.workloads.postgres import indexes as postgres_indexes
from harness.workloads.postgres.catalog import QUERIES
from harness.workloads.postgres.copy import line
from harness.workloads.postgres.corruption import is_damage
from harness.workloads.postgres.digest import DATABASES, HOST, MAIN, digest, relations, settle
from harness.workloads.postgres.reference_digest import reference_digest
from harness.workloads.postgres.writer import PostgresWriter
from harness.workloads.sql_store import SqlStore, chunks, no_answer, one

OLDEST = 14
"""The oldest supported version: older ones do not list the foreign keys of their catalogs, which the digest follows."""


class Postgres(SqlStore[connection, cursor]):
    """Implements `harness.core.ports.Datastore`. Its manifests are in fixtures/postgres."""

    server = Server(
        name="postgres",
        kind="postgres",
        members=("postgres-primary-0", "postgres-read-0", "postgres-read-1"),
        container="postgres",
        port=5432,
        user="postgres",
        databases=(MAIN,),
        recover=("bash", "/scripts/recover.sh"),  # waits for the replicas, and opens the service
    )
    name = server.name
    members = server.members
    sender = "postgres-primary-0"
    """How the host name starts that standbys connect to; "" to allow any names of primary and standbys."""
    secret_keys = ("postgres-password", "replication-password")

    _host = HOST
    _position = "SELECT pg_current_wal_lsn()"
    _truncate = "TRUNCATE drillproof.{} RESTART IDENTITY"
    _apply_s = 300

    @property
    def main(self) -> str:
        """The database that also holds the ledger."""
        return self.server.databases[0]

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
                for chunk in chunks(map(line, dataset.rows(self.name, table))):
                    sql.copy_expert(copy, io.BytesIO(b"".join(chunk)))
            sql.execute((folder / "after.sql").read_text(encoding="utf-8"))
            settle(sql)
            sql.execute("ANALYZE")
            self._open_accounts(sql)

    def digest(self, member: str) -> Reading:
        """Everything in every database on this member, except the rows of the ledger and its accounts."""
        with self._forward(member) as address:
            return digest(lambda database: self._connect(member, address, database), self.main)

    def indexes(self, member: str) -> IndexReading:
        """Every index on this member, except `postgres.indexes.EXCLUDED`."""
        with self._forward(member) as address:
            return postgres_indexes.check_indexes(lambda database: self._connect(member, address, database), self.main)

    def writer(self) -> PostgresWriter:
        return PostgresWriter(lambda: self._forward(self._primary), self.main, self._password, user=self.server.user)

    def execute(self, member: str, statement: str) -> None:
        """Run one administrator's statement on one member's main database; return when every standby shows it, too."""
        with self.session(member) as sql:
            sql.execute("SET synchronous_commit = remote_apply")
            sql.execute(statement)

    def reference_digest(self, member: str) -> dict[str, str]:
        """The rows of every table of every database, and the large objects, hashed here from their binary form."""
        with self._forward(member) as address:
            return reference_digest(lambda database: self._connect(member, address, database), self.main)

    def _primary_health(self, sql: cursor) -> Health:
        identity, _, _ = one(sql, QUERIES["identity"])
        return _primary_health(sql, str(identity), self._replicas, by_name=bool(self.sender))

    def _replica_health(self, member: str, primary: cursor) -> Health:
        """It must have replayed what the primary had on disk before it is asked, and no more than that has after."""
        identity, timeline, flushed = one(primary, QUERIES["identity"])
        if flushed is None:
            return no_answer(f"{self._primary} is a standby itself", Reason.RoleDiffers, (self._primary,))
        with self.session(member) as sql:
            return _standby_health(sql, primary, (str(identity), str(timeline), str(flushed)), self.sender)

    def _require_applied(self, member: str, position: str) -> None:
        with self.session(member) as sql:
            done, seen = one(sql, QUERIES["replayed"], position)
        if not done:
            raise NotYet(f"{member} has replayed up to {seen} of {position}")

    @contextlib.contextmanager
    def _cursor(self, member: str, address: tuple[str, int]) -> Iterator[cursor]:
        with self._connect(member, address) as database:
            database.autocommit = True
            with database.cursor() as sql:
                yield sql

    def _stream(self, database: connection) -> cursor:
        return database.cursor("drillproof")  # named: its rows stay in the server

    @contextlib.contextmanager
    def _connect(self, member: str, address: tuple[str, int], database: str = "") -> Iterator[connection]:
        """Connect to `database`, or the main one.

        Corrupt if the server reports damaged data; ToolFailed for every other error inside the block.
        """
        database = database or self.main
        try:
            opened = psycopg2.connect(
                host=address[0],
                port=address[1],
                dbname=database,
                user=self.server.user,
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


class ExternalPostgres(Postgres):
    """PostgreSQL run by a user's own manifests: one server, or a primary that streams to standbys.

    drillproof needs a superuser, and adds only the schema `drillproof` with the ledger and its accounts.
    """

    sender = ""

    def __init__(self, cluster: ClusterAccess, namespace: str, server: Server, secret: Mapping[str, str]) -> None:
        """`secret` has the password of the superuser whom `server` names."""
        self.server, self.name, self.members = server, server.name, server.members
        super().__init__(cluster, namespace, {self.secret_keys[0]: secret.get(PASSWORD, "")})

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


def _primary_health(sql: cursor, identity: str, standbys: list[str], *, by_name: bool) -> Health:
    recovering, closed, streaming = one(sql, QUERIES["primary_health"])
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


def _standby_health(
    sql: cursor, on_primary: cursor, primary: tuple[str, str, str], sender: str = Postgres.sender
) -> Health:
    """`primary` is its system identifier, timeline and flushed position, read before."""
    told = one(sql, QUERIES["standby_health"], primary[2])
    recovering, paused, replayed, position, status, timeline, host, identity = told
    # A standby has WAL that its primary lacks on disk only if the primary came back from an older copy.
    ahead, written = one(on_primary, QUERIES["ahead"], position)
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


def _require_supported(sql: cursor, name: str, user: str) -> None:
    version, is_superuser = one(sql, QUERIES["who"])
    if int(str(version)) < OLDEST:
        raise HarnessError(f"{name} is PostgreSQL {version}; the oldest supported version is {OLDEST}")
    if not is_superuser:
        raise HarnessError(f"{user} is not a superuser of {name}, and cannot read all of it; set `user` to one")


def _is_filled(sql: cursor) -> bool:
    for relation in relations(sql):
        if relation.kind != "S":
            sql.execute(SQL("SELECT 1 FROM ONLY {} LIMIT 1").format(Identifier(relation.schema, relation.name)))
            if sql.fetchone():
                return True
    return False
