"""A second, slow way to digest PostgreSQL's rows, in the client. It shares no code with `postgres.digest`.

Each table is copied out in PostgreSQL's binary format: every value as its type sends it, after its length, so neither
printing nor settings matter. Each row's bytes are hashed (SHA-256), and the hashes are added up: the order does not
matter, duplicates count. The copy waits in a temporary file, so only one value is in memory at a time.

The binary form of an array, composite or range of a user-defined type contains the type's oid, which a logical restore
can change. So compare a member with itself, or members with each other.
"""

import hashlib
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import IO

from psycopg2.extensions import connection, cursor
from psycopg2.sql import SQL, Composable, Identifier

from harness.workloads.sql_store import part_name

_OURS = ("drillproof.ledger", "drillproof.checking", "drillproof.savings")  # the drill writes to them meanwhile
_DATABASES = "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn"
_TABLES = """
SELECT s.nspname, t.relname FROM pg_catalog.pg_class t, pg_catalog.pg_namespace s
WHERE s.oid = t.relnamespace AND t.oid >= 16384 AND s.nspname NOT LIKE 'pg\\_t%'
    AND t.relpersistence = 'p' AND (t.relkind = 'r' OR t.relkind = 'm' AND t.relispopulated)
"""
_ROWS = SQL("SELECT * FROM ONLY {}")
_LARGE_OBJECTS = SQL("SELECT oid, pg_catalog.lo_get(oid) FROM pg_catalog.pg_largeobject_metadata")

_HEADER_BYTES = 19  # a signature, flags, and the length of a header extension that is not yet defined
_END = b"\xff\xff"  # in the place of the number of a row's fields


def reference_digest(connect: Callable[[str], AbstractContextManager[connection]], main: str) -> dict[str, str]:
    """The hash of every table's rows in every database, by the digest's names of parts."""
    with connect(main) as database, database.cursor() as sql:
        sql.execute(_DATABASES)
        names = [str(name) for (name,) in sql]
    found = {}
    for name in names:
        prefix = "" if name == main else f"database {name}: "
        with connect(name) as database:
            database.set_session(isolation_level="REPEATABLE READ", readonly=True)
            with database.cursor() as sql:
                sql.execute(_TABLES)
                tables = [(str(s), str(t)) for s, t in sql if name != main or f"{s}.{t}" not in _OURS]
                for schema, table in tables:
                    part = f"{prefix}table {part_name(schema, table)}"
                    found[part] = _hashed(sql, _ROWS.format(Identifier(schema, table)))
                found[f"{prefix}large objects"] = _hashed(sql, _LARGE_OBJECTS)
    return found


def _hashed(sql: cursor, query: Composable) -> str:
    with tempfile.TemporaryFile(prefix="drillproof-") as copy:
        sql.copy_expert(SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query), copy)
        copy.seek(0)
        return hash_of(copy)


def hash_of(copy: IO[bytes]) -> str:
    """The hash of all rows of a binary copy, in any order. ValueError if the copy is incomplete."""
    rows = total = 0
    _read(copy, _HEADER_BYTES)
    while (fields := _read(copy, 2)) != _END:
        row = hashlib.sha256(fields)
        for _ in range(int.from_bytes(fields, "big")):
            size = _read(copy, 4)
            row.update(size)
            row.update(_read(copy, max(0, int.from_bytes(size, "big", signed=True))))  # -1: NULL
        rows += 1
        total += int.from_bytes(row.digest(), "big")
    return f"{rows}:{total % 2**256:064x}"


def _read(copy: IO[bytes], count: int) -> bytes:
    found = copy.read(count)
    if len(found) < count:
        raise ValueError("the copy is incomplete")
    return found
