"""A second, slow way to digest MySQL's rows: the client reads every value and hashes it.

It shares no code with `mysql.digest`, so a bug in either shows as a disagreement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pymysql.connections import Connection
from pymysql.cursors import Cursor, SSCursor

from harness.workloads.sql_store import part_name

_NOT_DATA = ("drillproof.ledger", "drillproof.checking", "drillproof.savings")
_SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")


def tables(connection: Connection[Cursor]) -> dict[str, str]:
    """By user table (`table shop.order`): the row count and a hash of all rows, in any order."""
    connection.decoders = {}  # values stay as the server sends them: bytes, or text
    with connection.cursor() as sql:
        sql.execute("SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'")
        names = [(schema, name) for schema, name in sql.fetchall() if schema not in _SYSTEM]
    return {
        f"table {part_name(schema, name)}": _table(connection, schema, name)
        for schema, name in names
        if f"{schema}.{name}" not in _NOT_DATA
    }


def canonical(row: Iterable[bytes | str | None]) -> bytes:
    """One row's bytes: each value after its length; NULL in a form that no length has."""
    parts = (value.encode() if isinstance(value, str) else value for value in row)
    return b"".join(b"-;" if part is None else b"%d;%b" % (len(part), part) for part in parts)


def _table(connection: Connection[Cursor], schema: str, name: str) -> str:
    count, total = 0, 0
    with connection.cursor(SSCursor) as sql:  # unbuffered: the rows come in a stream
        sql.execute(f"SHOW COLUMNS FROM `{name}` FROM `{schema}`")
        values = ", ".join(f"`{column[0]}`" + (" + 0e0" if column[1] == "float" else "") for column in sql.fetchall())
        sql.execute(f"SELECT {values} FROM `{schema}`.`{name}` USE INDEX ()")  # noqa: S608 # names from the server's own catalog
        for row in sql:
            count += 1
            total += int.from_bytes(hashlib.sha256(canonical(row)).digest(), "big")
    return f"{count} rows, {total:x}"
