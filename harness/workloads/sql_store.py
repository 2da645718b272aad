"""A primary SQL server with its replicas: what the adapters of MySQL and PostgreSQL share.

The ledger and its accounts are the tables of `drillproof`, a database of MySQL and a schema of PostgreSQL.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from harness.core.bank_workload import TABLES, opening_balances, transfer
from harness.core.errors import HarnessError, ToolFailed
from harness.core.model import Health, Operation, Row
from harness.core.ports import ClusterAccess, Corrupt
from harness.core.reason import Reason
from harness.core.wait import until
from harness.workloads.external import Server
from harness.workloads.queries import sections

_SQL = sections(Path(__file__).with_suffix(".sql"), tables=TABLES)


def part_name(*names: str) -> str:
    """`schema.table`. A dot or a quote in a name makes it quoted, so that no two objects have the same."""
    return ".".join('"' + name.replace('"', '""') + '"' if set(name) & set('."') else name for name in names)


class Cursor(Protocol):
    def execute(self, statement: str, parameters: tuple[object, ...] | None = None, /) -> object: ...
    def fetchone(self) -> tuple[object, ...] | None: ...
    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...


C = TypeVar("C")
S = TypeVar("S", bound=Cursor)


class SqlStore(ABC, Generic[C, S]):
    """The common part of a `harness.core.ports.Datastore`, with a driver's connections `C` and cursors `S`."""

    server: Server
    secret_keys: tuple[str, ...]
    """The keys of its Secret, which must exist before the manifests are applied. The first has the password of
    `server.user`."""

    _host: ClassVar[str]  # queries the name of the host that answers
    _position: ClassVar[str]  # queries up to which transaction the primary is
    _truncate: ClassVar[str]
    _apply_s: ClassVar[float]  # for a replica to apply what a seeding has just written

    def __init__(self, cluster: ClusterAccess, namespace: str, secret: Mapping[str, str]) -> None:
        """`secret` has the values of `secret_keys`."""
        self._cluster = cluster
        self._namespace = namespace
        self._password = secret[self.secret_keys[0]]
        self._primary, *self._replicas = self.server.members

    def forget_writes(self) -> None:
        """Empty the ledger and reset its accounts; return when every replica has applied that."""
        with self.session(self._primary) as sql:
            for table in ("ledger", *TABLES):
                sql.execute(self._truncate.format(table))
            self._open_accounts(sql)

    def health(self, member: str) -> Health:
        """Check a member's role and replication, compared with the primary."""
        try:
            with self.session(self._primary) as primary:
                if member == self._primary:
                    return self._primary_health(primary)
                return self._replica_health(member, primary)
        except HarnessError as error:
            return no_answer(str(error), Reason.NotAnswering)
        except Corrupt as error:
            return no_answer(str(error), Reason.DataCorrupted, error.objects)

    def ledger(self, member: str) -> Iterator[Row]:
        return (Row(*row) for row in self._rows(member, _SQL["rows"]))

    def balances(self, member: str) -> Mapping[str, int]:
        """Every account with its balance on this member, from one statement and thus one snapshot."""
        return {f"{table}/{number}": int(balance) for table, number, balance in self._rows(member, _SQL["balances"])}

    def recover(self) -> None:
        """Run the command after Velero's restore, once the primary's container runs."""
        self.server.run_recover_command(self._cluster, self._namespace)

    @contextlib.contextmanager
    def session(self, member: str) -> Iterator[S]:
        """An administrator's session on one member; every statement is its own transaction."""
        with self._forward(member) as address, self._cursor(member, address) as sql:
            yield sql

    def _open_accounts(self, sql: S) -> None:
        """Give every account its opening balance; return when every replica has applied all that was written."""
        for account, balance in opening_balances().items():
            table, number = account.split("/")
            sql.execute(f"INSERT INTO drillproof.{table} VALUES (%s, %s)", (number, balance))  # noqa: S608 # our own names
        position = str(one(sql, self._position)[0])
        for member in self._replicas:
            applied = partial(self._require_applied, member, position)
            until(applied, waited_for=f"{member} to apply what was written", within_s=self._apply_s)

    def _rows(self, member: str, query: str) -> Iterator[tuple[Any, ...]]:
        """A query's rows on this very member, in a stream. ToolFailed if another server answers."""
        with self._forward(member) as address, self._connect(member, address) as connection:
            with self._stream(connection) as sql:
                sql.execute(self._host)
                ((own,),) = sql
            if own != member:
                raise ToolFailed((self.server.kind, member), 1, f"{own} answered in its place")
            with self._stream(connection) as sql:
                sql.execute(query)
                yield from sql

    def _forward(self, member: str) -> AbstractContextManager[tuple[str, int]]:
        return self._cluster.forward(self._namespace, member, self.server.port)

    @abstractmethod
    def _connect(self, member: str, address: tuple[str, int], /) -> AbstractContextManager[C]:
        """Connect to a member. ToolFailed for every error of the server or the connection inside the block."""

    @abstractmethod
    def _cursor(self, member: str, address: tuple[str, int]) -> AbstractContextManager[S]:
        """For `session`."""

    @abstractmethod
    def _stream(self, connection: C) -> AbstractContextManager[S]:
        """A cursor that leaves the rows in the server until they are read."""

    @abstractmethod
    def _require_applied(self, member: str, position: str) -> None:
        """NotYet unless a replica has applied everything up to this position."""

    @abstractmethod
    def _primary_health(self, sql: S) -> Health: ...

    @abstractmethod
    def _replica_health(self, member: str, primary: S) -> Health: ...


def no_answer(detail: str, reason: Reason, objects: tuple[str, ...] = ()) -> Health:
    return Health(ok=False, detail=detail, role="unknown", identity="", reasons=(reason,), objects=objects)


def one(sql: Cursor, statement: str, *parameters: object) -> tuple[object, ...]:
    sql.execute(statement, parameters)
    row = sql.fetchone()
    assert row is not None  # each of these statements gives one row
    return row


def chunks(lines: Iterable[bytes], chunk_bytes: int = 2 << 20) -> Iterator[list[bytes]]:
    """The lines of a bulk load, cut at the first one past `chunk_bytes`, so that few are in memory at a time."""
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line)
        if size >= chunk_bytes:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def write(operation: Operation) -> tuple[tuple[str, str, str], dict[str, object]]:
    """The statements of an operation and the two halves of its transfer, with their parameters.

    Each must change a row; else none may.
    """
    parameters = {**asdict(operation), **asdict(transfer(operation.n))}
    return (_SQL[operation.verb], _SQL["take"], _SQL["give"]), parameters
