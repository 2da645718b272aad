"""Loads known data into MySQL with LOAD DATA LOCAL, in chunks: neither memory nor transactions grow with the data.

LOCAL turns errors into warnings and skips rows, so the rows of every chunk are counted, and any warning is an error.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

from pymysql.connections import Connection
from pymysql.cursors import Cursor

from harness.core.errors import ToolFailed
from harness.workloads.mysql.catalog import MYSQL, Dialect
from harness.workloads.mysql.digest import quoted_table
from harness.workloads.sql_store import chunks

_SPECIAL = tuple(zip((b"\\", b"\t", b"\n", b"\0"), (b"\\\\", b"\\t", b"\\n", b"\\0"), strict=True))


def load(
    connection: Connection[Cursor],
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    dialect: Dialect = MYSQL,
) -> None:
    """Load `rows` into `table` (`schema.table`); each chunk is a transaction. ToolFailed if the server changed any."""
    with (
        connection.cursor() as sql,
        tempfile.TemporaryDirectory(prefix="drillproof-") as folder,
        ThreadPoolExecutor(1) as server,  # loads one chunk while the next is created
    ):
        to_convert = _to_convert(sql, table, dialect)
        loading: Future[None] | None = None
        for number, chunk in enumerate(chunks(map(line, rows))):
            file = Path(folder) / str(number)
            file.write_bytes(b"".join(chunk))
            if loading:
                loading.result()
            loading = server.submit(_load_chunk, sql, statement(file, table, columns, to_convert), len(chunk), file)
        if loading:
            loading.result()


def statement(file: Path, table: str, columns: Sequence[str], to_convert: frozenset[str]) -> str:
    """Loads bytes unchanged, except for the columns in `to_convert`, which are converted from UTF-8."""
    targets = ", ".join(f"@c{at}" if name in to_convert else f"`{name}`" for at, name in enumerate(columns))
    conversions = ", ".join(
        f"`{name}` = CONVERT(@c{at} USING utf8mb4)" for at, name in enumerate(columns) if name in to_convert
    )
    return f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {quoted_table(table)} CHARACTER SET binary ({targets})" + (
        f" SET {conversions}" if conversions else ""
    )


def line(row: Sequence[object]) -> bytes:
    return b"\t".join(map(field, row)) + b"\n"


def field(value: object) -> bytes:  # noqa: PLR0911 # one for each type
    """One value in LOAD DATA's default format. Times are UTC, bytes are exact, JSON is compact."""
    match value:
        case None:
            return b"\\N"
        case bool():
            return b"1" if value else b"0"
        case bytes():
            return _escaped(value)
        case str():
            return _escaped(value.encode())
        case float():
            return repr(value).encode()
        case datetime():
            return str(value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).encode()
        case date():
            return str(value).encode()
        case dict() | list():
            return _escaped(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
        case _:
            return str(value).encode()  # int, Decimal


def _escaped(text: bytes) -> bytes:
    for raw, escape in _SPECIAL:
        if raw in text:
            text = text.replace(raw, escape)
    return text


def _to_convert(sql: Cursor, table: str, dialect: Dialect) -> frozenset[str]:
    sql.execute(dialect.queries["converted_columns"], (table,))
    return frozenset(str(name) for (name,) in sql.fetchall())


def _load_chunk(sql: Cursor, load_data: str, rows: int, file: Path) -> None:
    loaded = sql.execute(load_data)
    file.unlink()
    if loaded != rows or sql.warning_count:
        sql.execute("SHOW WARNINGS LIMIT 3")
        raise ToolFailed([load_data], 1, f"{loaded} of {rows} rows were loaded; {sql.fetchall()}")
