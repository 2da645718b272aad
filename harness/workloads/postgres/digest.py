"""Digests every part of a PostgreSQL server, inside the database.

Rows. Each value is printed by its type and hashed to 64 bits. That hash is the seed of the next value's, and the last
one is the row's. The hashes of the rows are added up, in addition to the row count. This detects changes despite

- order: addition does not depend on it, and is exact (numeric), so nothing overflows;
- duplicates: they count twice, while XOR would cancel them;
- values that moved to another row or column: a row's hash depends on all its values and their places;
- NULL and '': a dot precedes every value, and NULL is empty; each value is hashed separately, so no text looks like a
  boundary;
- numbers: floats are printed so that they read back the same bit for bit, numerics with their scale;
- large values: they are fetched from TOAST, byte for byte, and large objects are read whole.

All settings that influence printing are set. A change remains undetected with a probability of 2^-64. This takes
about as long as `COPY table TO '/dev/null'` (see `bench.postgres_bench`); printing a whole row (`row::text`), with its
quotes, takes more than twice as long.

Everything else (definitions, grants, roles, settings) is a sorted list of lines from the catalogs: see
`harness.workloads.postgres.catalog`. `harness.workloads.postgres.indexes` checks the indexes.
"""

import contextlib
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from psycopg2.extensions import connection, cursor
from psycopg2.sql import SQL, Composable, Identifier, Literal

from harness.core.model import OWN, Part, Reading
from harness.workloads.postgres import catalog
from harness.workloads.postgres.catalog import QUERIES, Catalog
from harness.workloads.sql_store import part_name

EXCLUDED = (  # of the main database; others may have tables of these names
    ("table drillproof.ledger", "the drill writes to it while digests are taken; its rows are compared one by one"),
    ("table drillproof.checking", "every write of the ledger changes them; the balances are compared one by one"),
    ("table drillproof.savings", "every write of the ledger changes them; the balances are compared one by one"),
    ("sequence value drillproof.ledger_id_seq", "it counts the ledger's rows"),
)
"""Parts that a digest lacks, and why. Definitions are always compared; the rows of foreign tables are elsewhere. Parts
that are specific to a member (settings, files, replication slots, rows of unlogged tables, which no standby has) begin
with `harness.core.model.OWN`.

Sequences: after `nextval` a standby shows a value up to 32 ahead of the primary, which logs ahead. So seeding ends with
`settle`, and a value that differs later was drawn or set since.
"""

MAIN = "keycloak"
"""The main database of the built-in deployment. Names of parts in other databases begin with `database <name>: `."""

HOST, DATABASES, SESSION = (QUERIES[name] for name in ("host", "databases", "session"))
_ROWS, _LARGE_OBJECTS, _SEQUENCE, _SETTLE = (
    SQL(QUERIES[name]) for name in ("rows", "large_objects", "sequence", "settle")
)
_ALWAYS_THERE = "template1"

Connect = Callable[[str], AbstractContextManager[connection]]
"""Connects to one member's database of the given name."""


def digest(connect: Connect, main: str = MAIN) -> Reading:
    """Every part of every database, and of the server itself, on one member; rows first."""
    with connect(_ALWAYS_THERE) as database:
        with _snapshot(database) as sql:
            own = listed(row for query in _catalog(sql).own for row in _all(sql, query))
        with _snapshot(database) as sql:
            sql.execute(SESSION)
            server = listed(_lines(sql, _catalog(sql).server, shared=True))
            names = [str(name) for (name,) in _all(sql, DATABASES)]
    hosts, parts = set(), dict[str, Part]()
    for name in names:
        prefix = "" if name == main else f"database {name}: "
        with connect(name) as database, _snapshot(database) as sql:
            sql.execute(SESSION)
            hosts |= {str(host) for (host,) in _all(sql, HOST)}
            parts |= {
                _prefixed(prefix, part): seen
                for part, seen in _database_parts(sql, EXCLUDED if name == main else ()).items()
            }
    return Reading(" and ".join(sorted(hosts)), parts | server | own)


@dataclass(frozen=True)
class Relation:
    """A table, materialized view or sequence of the session's database."""

    schema: str
    name: str
    kind: str  # r, m; S for a sequence
    unlogged: bool
    values: tuple[str, ...]  # the expressions of its columns' values as text

    @property
    def part(self) -> str:
        kind = "sequence value" if self.kind == "S" else "table"
        return f"{OWN if self.unlogged else ''}{kind} {part_name(self.schema, self.name)}"

    @property
    def sql(self) -> Identifier:
        return Identifier(self.schema, self.name)


def relations(sql: cursor) -> list[Relation]:
    """All that have rows or a value, as far as this member can read them. `values` requires the settings of SESSION."""
    found = []
    for schema, name, kind, unlogged, values in _all(sql, _catalog(sql).relations):
        assert isinstance(values, list)  # the query says so
        found.append(Relation(str(schema), str(name), str(kind), bool(unlogged), tuple(values)))
    return found


def settle(sql: cursor) -> None:
    """Write every sequence's value to the WAL, so that the standbys show the same."""
    for relation in relations(sql):
        if relation.kind == "S":
            sql.execute(_SETTLE.format(name=Literal(relation.sql.as_string(sql)), sequence=relation.sql))


def row_hash(values: Sequence[str]) -> str:
    """The expression for a row's hash; `values` are the expressions of its values as text.

    The chain of seeds makes it depend on their order. A sum of hashes would not detect two swapped values.
    """
    result = "1"
    for value in values:
        result = f"hashtextextended(coalesce('.' || {value}, '') COLLATE \"C\", {result})"
    return result


def rows_query(relation: Relation) -> Composable:
    return _ROWS.format(hash=SQL(row_hash(relation.values)), table=relation.sql)


def _catalog(sql: cursor) -> Catalog:
    return catalog.of_version(sql.connection.server_version // 10000)


def _lines(sql: cursor, queries: Iterable[str], *, shared: bool) -> Iterator[tuple[object, ...]]:
    """Lines of a database, or of what all databases of the server share."""
    statements = [str(statement) for is_shared, statement in _all(sql, _catalog(sql).statements) if is_shared == shared]
    yield from (row for query in (*queries, *statements) for row in _all(sql, query))


def _database_parts(sql: cursor, exclusions: Iterable[tuple[str, str]]) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    excluded = dict(exclusions)
    for relation in relations(sql):
        if relation.part in excluded:
            continue
        if relation.kind == "S":
            parts |= listed(_all(sql, _SEQUENCE.format(part=Literal(relation.part), sequence=relation.sql)))
        else:
            parts[relation.part] = _hashed(sql, rows_query(relation))
    parts["large objects"] = _hashed(sql, _LARGE_OBJECTS)
    return parts | listed(_lines(sql, _catalog(sql).database, shared=False))


def _prefixed(prefix: str, part: str) -> str:
    return f"{OWN}{prefix}{part.removeprefix(OWN)}" if part.startswith(OWN) else f"{prefix}{part}"


@contextlib.contextmanager
def _snapshot(database: connection) -> Iterator[cursor]:
    """One read-only snapshot. A SET inside ends with it."""
    database.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with database.cursor() as sql:
        yield sql
    database.rollback()


def _hashed(sql: cursor, statement: Composable) -> Part:
    ((rows, total),) = _all(sql, statement)
    return Part(int(str(rows)), str(total))


def _all(sql: cursor, statement: Composable | str) -> list[tuple[object, ...]]:
    sql.execute(statement)
    return sql.fetchall()


def listed(lines: Iterable[tuple[object, ...]]) -> dict[str, Part]:
    """Lines (part, text) by part: their number, and a hash of the sorted lines."""
    found = defaultdict(list)
    for part, text in lines:
        found[str(part)].append(str(text))
    return {
        part: Part(len(texts), hashlib.sha256(json.dumps(sorted(texts)).encode()).hexdigest())
        for part, texts in found.items()
    }
