"""What a MySQL member has, digested inside the server in one scan of each table.

Why the hash of a table's rows can't be fooled by an accident:
- A row becomes bytes without ambiguity. Values are parted by the byte FF, and FE stands for NULL: neither occurs in
  valid UTF-8, nor in a number or date. Values that may hold them (binary, other character sets) follow their length.
- Bytes are hashed as stored: no collation, character set or client has a say. Floats are widened, since their text
  is rounded.
- Each row's SHA-256 (its first 64 bits) is added to an exact sum: the order of rows does not matter, but a row that
  is there twice, lost, or that got another row's value changes the sum, but for one chance in 2^64.
- A warning of the server (a row too large to be put together) is an error, never a skipped row.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from pymysql.cursors import Cursor

from harness.datastores.mysql_catalog import LEDGER, SYSTEM_SCHEMAS, catalog
from harness.errors import ToolFailed
from harness.model import Digest, Part
from harness.parallel import each

T = TypeVar("T")

_NULL = "CAST(0xFE AS BINARY)"
_BETWEEN = "CAST(0xFF AS BINARY)"  # a cast, not a literal: it makes the whole row binary, so that nothing is converted
_FREE_OF_FF = ("ascii", "utf8mb3", "utf8mb4")
_PLAIN = (
    *("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double"),
    *("date", "time", "datetime", "timestamp", "year"),
)
_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")


@dataclass(frozen=True)
class Column:
    """One column as information_schema tells it; `charset` is empty for what is not text."""

    name: str
    type: str
    nullable: bool
    charset: str


def digest(session: Callable[[], AbstractContextManager[Cursor]]) -> Digest:
    """Every part of one member. `session` opens a connection of its own, in UTC. ToolFailed if one can't be read.

    Two tables are read at once: hashing costs more than reading, and servers have more than one core.
    """
    with session() as sql, session() as another:
        left = deque((table, columns) for table, columns in _tables(sql).items() if table != LEDGER)

        def scan(sql: Cursor) -> dict[str, Part]:
            return {f"table {table}": _rows(sql, table, columns) for table, columns in _taken(left)}

        parts = {name: part for found in each((sql, another), scan) for name, part in found.items()}
        # After the scans, since AUTO_INCREMENT is told one too low of a table that was not opened since the start.
        return {**parts, **catalog(sql)}


def row_bytes(columns: Sequence[Column]) -> str:
    """The SQL expression of one row's bytes."""
    return f"CONCAT_WS({_BETWEEN}, {', '.join(map(_value, columns))})"


def _value(column: Column) -> str:
    name = "`" + column.name.replace("`", "``") + "`"
    if column.type == "float":
        value = f"CAST({name} AS DOUBLE)"
    elif column.type == "json":
        value = f"CAST({name} AS CHAR CHARACTER SET utf8mb4)"
    elif column.type in ("bit", "enum", "set"):
        value = f"CAST({name} AS UNSIGNED)"
    elif column.type in _PLAIN or column.charset in _FREE_OF_FF:
        value = name
    elif column.type in _BYTES or column.charset:  # CONCAT_WS leaves the value itself out where it is NULL
        return f"{_or_null(f'LENGTH({name})', column)}, {name}"
    else:  # geometry, vector, and what else may come
        value = f"HEX({name})"
    return _or_null(value, column)


def _or_null(value: str, column: Column) -> str:
    return f"IFNULL({value}, {_NULL})" if column.nullable else value


def _tables(sql: Cursor) -> dict[str, list[Column]]:
    """Every table with its columns, the largest first, so that the scans end at about the same time."""
    sql.execute(
        "SELECT CONCAT(t.table_schema, '.', t.table_name), c.column_name, c.data_type, c.is_nullable,"  # noqa: S608 # constants of ours
        " COALESCE(c.character_set_name, '')"
        " FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)"
        f" WHERE t.table_type = 'BASE TABLE' AND t.table_schema NOT IN {SYSTEM_SCHEMAS}"
        " ORDER BY t.data_length DESC, t.table_schema, t.table_name, c.ordinal_position"
    )
    tables: dict[str, list[Column]] = defaultdict(list)
    for table, name, data_type, nullable, charset in sql.fetchall():
        tables[table].append(Column(name, data_type, nullable == "YES", charset))
    return tables


def _taken(left: deque[T]) -> Iterator[T]:
    """One after the other, while others take of the same."""
    while True:
        try:
            yield left.popleft()
        except IndexError:
            return


def _rows(sql: Cursor, table: str, columns: Sequence[Column]) -> Part:
    schema, name = table.split(".", 1)
    scan = (
        "SELECT COUNT(*), COALESCE(SUM(CAST(CONV(LEFT(SHA2("  # noqa: S608 # names from the server's own catalog
        f"{row_bytes(columns)}, 256), 16), 16, 10) AS UNSIGNED)), 0) FROM `{schema}`.`{name}`"
    )
    sql.execute(scan)
    row = sql.fetchone()
    if row is None or sql.warning_count:
        sql.execute("SHOW WARNINGS LIMIT 3")
        raise ToolFailed([scan], 1, f"the digest of {table} is not whole: {sql.fetchall()}")
    return Part(int(row[0]), f"{int(row[1]):x}")
