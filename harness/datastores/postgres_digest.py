"""What "equal" means for PostgreSQL: every part's digest, made inside the database.

Rows. Each row is printed whole by the database (`row::text`), hashed to 64 bits, and the hashes are
added up, beside the count. It cannot be fooled by

- order: addition does not depend on it, and is exact (numeric), so nothing overflows;
- duplicates: they count twice, where XOR would cancel them;
- values that moved from one row or column to another: the hash is of the whole row, in column order;
- NULL, '' and the text NULL: a row prints them as nothing, as "" and as NULL; texts with commas,
  quotes, parentheses or blanks are quoted, so column boundaries are certain;
- numbers: floats are printed so that they read back the same bit for bit, numerics with their scale;
- large values: they are fetched from TOAST, byte for byte, and large objects are read whole.

All settings on which the printing depends are set here. A change goes unseen with a chance of 2^-64.
What the hash does not see is what printing does not show: physical layout, and indexes (an index is a
copy of the rows, and is built anew by a logical restore).

Everything else (definitions, grants, roles, settings) is a list of lines from the catalogs, sorted;
see `harness.datastores.postgres_catalog`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

from psycopg2.extensions import connection, cursor
from psycopg2.sql import SQL, Composable, Identifier, Literal

from harness.datastores.postgres_catalog import DATABASE_QUERIES, RELATIONS, SERVER_QUERIES
from harness.model import Digest, Part

EXCLUDED = (
    ("table drillproof.ledger", "the drill writes there while digests are taken; its rows are judged one by one"),
    ("sequence value drillproof.ledger_id_seq", "it counts the ledger's rows"),
)
"""What is left out of a digest, and why. By nature also: template databases; rows of unlogged tables (no standby has
them) and of foreign tables (they are elsewhere); ALTER SYSTEM settings, replication slots and what start.sh gives a
member (each member has its own).

Sequences: a standby shows a value up to 32 ahead after `nextval` on the primary, which logs ahead of itself. So seeding
ends with `settle`, and a value that then differs was drawn or set since.
"""

MAIN = "keycloak"
"""The database whose parts have plain names; the parts of another begin with `database <name>: `."""

_SESSION = """
SET search_path = pg_catalog; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC';
SET bytea_output = 'hex'; SET extra_float_digits = 1; SET lc_monetary = 'C'; SET quote_all_identifiers = off;
SET row_security = off; SET jit = off; SET statement_timeout = 0; SET lock_timeout = 0; SET transaction_timeout = 0;
SET idle_in_transaction_session_timeout = 0
"""

_ROWS = SQL(
    'SELECT count(*), coalesce(sum(hashtextextended((x.*)::text COLLATE "C", 1)), 0)::text FROM ONLY {table} AS x'
)
_LARGE_OBJECTS = SQL(
    "SELECT count(*), coalesce(sum(hashtextextended("
    "oid || ':' || encode(lo_get(oid), 'hex') COLLATE \"C\", 1)), 0)::text FROM pg_largeobject_metadata"
)
_SEQUENCE = SQL("SELECT {part}, last_value || ' ' || is_called FROM {sequence}")
_SETTLE = SQL("SELECT setval({name}, last_value, is_called) FROM {sequence}")
_DATABASES = "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname"

Connect = Callable[[str], AbstractContextManager[connection]]
"""Connects to one member's database of the given name."""


def digest(connect: Connect) -> Digest:
    """Every part of every database, and of the server itself, as one member shows it."""
    with connect(MAIN) as database, _snapshot(database) as sql:
        parts = dict(listed(row for query in SERVER_QUERIES for row in _all(sql, query)))
        names = [str(name) for (name,) in _all(sql, _DATABASES)]
    for name in names:
        prefix = "" if name == MAIN else f"database {name}: "
        with connect(name) as database, _snapshot(database) as sql:
            parts |= {prefix + part: seen for part, seen in _database_parts(sql).items()}
    for part, _ in EXCLUDED:
        parts.pop(part, None)
    return parts


def settle(sql: cursor) -> None:
    """Write every sequence's value to the log as it is, so that the standbys show the same."""
    for schema, name in _relations(sql, "S"):
        sequence = Identifier(schema, name)
        sql.execute(_SETTLE.format(name=Literal(sequence.as_string(sql)), sequence=sequence))


def _database_parts(sql: cursor) -> dict[str, Part]:
    parts = dict(listed(row for query in DATABASE_QUERIES for row in _all(sql, query)))
    for schema, name in _relations(sql, "rm"):
        (parts[f"table {schema}.{name}"],) = _hashed(sql, _ROWS.format(table=Identifier(schema, name)))
    values = []
    for schema, name in _relations(sql, "S"):
        part = Literal(f"sequence value {schema}.{name}")
        values += _all(sql, _SEQUENCE.format(part=part, sequence=Identifier(schema, name)))
    (large_objects,) = _hashed(sql, _LARGE_OBJECTS)
    return parts | listed(values) | {"large objects": large_objects}


@contextlib.contextmanager
def _snapshot(database: connection) -> Iterator[cursor]:
    """One read-only snapshot with the settings on which the printing of values depends."""
    database.set_session(isolation_level="REPEATABLE READ", readonly=True)
    with database.cursor() as sql:
        sql.execute(_SESSION)
        yield sql
    database.rollback()


def _relations(sql: cursor, kinds: str) -> list[tuple[str, str]]:
    return [(str(schema), str(name)) for schema, name, kind in _all(sql, RELATIONS) if str(kind) in kinds]


def _hashed(sql: cursor, statement: Composable) -> Iterator[Part]:
    return (Part(int(str(rows)), str(total)) for rows, total in _all(sql, statement))


def _all(sql: cursor, statement: Composable | str) -> list[tuple[object, ...]]:
    sql.execute(statement)
    return sql.fetchall()


def listed(lines: Iterable[tuple[object, ...]]) -> dict[str, Part]:
    """Lines (part, text) by part: their number, and a hash of them in sorted order."""
    found = defaultdict(list)
    for part, text in lines:
        found[str(part)].append(str(text))
    return {
        part: Part(len(texts), hashlib.sha256(json.dumps(sorted(texts)).encode()).hexdigest())
        for part, texts in found.items()
    }
