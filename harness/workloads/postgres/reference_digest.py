"""A second, slow way to digest PostgreSQL's rows, in the client. It shares no code with `postgres.digest`.

Each table is copied out in PostgreSQL's binary format: every value as its type sends it, after its length, so neither
printing nor settings matter. Each row's bytes are hashed (SHA-256), and the hashes are added up: the order does not
matter, duplicates count. Only one row is in memory at a time.

The binary form of an array, composite or range of a user-defined type contains the type's oid, which a logical restore
can change. So compare a member with itself, or members with each other.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager

from psycopg2.extensions import connection, cursor
from psycopg2.sql import SQL, Composable, Identifier

_OURS = "drillproof"  # the schema of the ledger and its accounts, which the drill writes to meanwhile
_DATABASES = "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn"
_TABLES = """
SELECT s.nspname, t.relname FROM pg_catalog.pg_class t, pg_catalog.pg_namespace s
WHERE s.oid = t.relnamespace AND t.oid >= 16384 AND s.nspname NOT LIKE 'pg\\_t%'
    AND t.relpersistence = 'p' AND (t.relkind = 'r' OR t.relkind = 'm' AND t.relispopulated)
"""
_ROWS = SQL("SELECT * FROM ONLY {}")
_LARGE_OBJECTS = SQL("SELECT oid, pg_catalog.lo_get(oid) FROM pg_catalog.pg_largeobject_metadata")

_HEADER_BYTES = 19  # a signature, flags, and the length of a header extension that is not yet defined
_END = -1  # in the place of the number of a row's fields


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
                tables = [(str(schema), str(table)) for schema, table in sql if schema != _OURS]
                for schema, table in tables:
                    found[f"{prefix}table {schema}.{table}"] = _hashed(sql, _ROWS.format(Identifier(schema, table)))
                found[f"{prefix}large objects"] = _hashed(sql, _LARGE_OBJECTS)
    return found


def _hashed(sql: cursor, query: Composable) -> str:
    rows = BinaryRows()
    sql.copy_expert(SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query), rows)
    return rows.hash()


class BinaryRows:
    """What psycopg2's copy_expert writes to: a binary copy in pieces of any size."""

    def __init__(self) -> None:
        self._header_left = _HEADER_BYTES
        self._buffer = b""
        self._rows = 0
        self._sum = 0
        self._ended = False

    def write(self, piece: bytes) -> int:
        """Hash the rows that are complete now."""
        self._buffer += piece[self._header_left :]
        self._header_left = max(0, self._header_left - len(piece))
        begin = 0
        while (end := self._row_end(begin)) is not None:
            self._rows += 1
            self._sum += int.from_bytes(hashlib.sha256(self._buffer[begin:end]).digest(), "big")
            begin = end
        self._buffer = self._buffer[begin:]
        return len(piece)

    def hash(self) -> str:
        """The hash of all rows, in any order. ValueError if the copy is incomplete."""
        if not self._ended:
            raise ValueError("the copy is incomplete")
        return f"{self._rows}:{self._sum % 2**256:064x}"

    def _row_end(self, place: int) -> int | None:
        """The end of the row that begins at `place`; None if it is incomplete, or there is none."""
        try:
            (fields,) = struct.unpack_from("!h", self._buffer, place)
            self._ended = fields == _END
            place += 2
            for _ in range(fields):
                (size,) = struct.unpack_from("!i", self._buffer, place)
                place += 4 + max(0, size)  # -1: NULL
        except struct.error:
            return None
        return None if self._ended or place > len(self._buffer) else place
