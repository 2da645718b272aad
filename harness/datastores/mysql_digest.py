"""What a MySQL member has, digested inside the server in one scan of each table.

Why the hash of a table's rows can't be fooled by an accident:
- A row becomes bytes without ambiguity. The byte FF stands before each value, and FE for NULL: neither occurs in valid
  UTF-8, nor in a number or date. Values that may hold them (binary, other character sets) follow their length.
- Bytes are hashed as stored: no collation, character set or client has a say. Floats are widened, since their text
  is rounded.
- The order of rows does not matter, but every row does. Where a key makes all rows different, their SHA-256 are XORed.
  Two equal rows would cancel each other out; but a set of different rows can turn into no other rows, as many, of the
  same XOR: those there an odd number of times must be the same set, and that already is as many. Where no key does, the
  first 64 bits of each row's SHA-256 are added to an exact sum, which costs a fifth more.
- A warning of the server (a row too large to be put together) is an error, never a skipped row.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from pymysql.cursors import Cursor

from harness.datastores.mysql_catalog import NO_ROWS, SYSTEM_ROWS, catalog, counts
from harness.errors import ToolFailed
from harness.model import Part, Reading
from harness.parallel import each

T = TypeVar("T")

_NULL = "CAST(0xFE AS BINARY)"
_BINARY = "CAST('' AS BINARY)"  # a cast, not a literal: it makes the whole row binary, so that nothing is converted
_BEFORE = "_binary 0xFF"
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


@dataclass(frozen=True)
class Table:
    """One table; `keyed` if a key over columns that are never NULL makes all of its rows different."""

    name: str  # schema.table
    columns: tuple[Column, ...]
    keyed: bool


def digest(session: Callable[[], AbstractContextManager[Cursor]], *, primary: bool) -> Reading:
    """Every part of one member. `session` opens a connection of its own, in UTC. ToolFailed if one can't be read.

    Two tables are read at once: hashing costs more than reading, and servers have more than one core.
    """
    with session() as sql, session() as another:
        left = deque(tables(sql))

        def scan(sql: Cursor) -> tuple[str, dict[str, Part]]:
            sql.execute("SELECT @@hostname")
            host = str(sql.fetchall()[0][0])
            return host, {f"table {table.name}": rows(sql, table) for table in _taken(left)}

        hosts, found = zip(*each((sql, another), scan), strict=True)
        parts = {name: part for some in found for name, part in some.items()}
        # After the scans, since AUTO_INCREMENT is told one too low of a table that was not opened since the start.
        return Reading(", ".join(sorted(set(hosts))), {**parts, **catalog(sql, primary=primary)})


def row_bytes(columns: Sequence[Column]) -> str:
    """The SQL expression of one row's bytes. Not CONCAT_WS, which takes twice as long."""
    return ", ".join((f"CONCAT({_BINARY}", *(f"{_BEFORE}, {_value(column)}" for column in columns))) + ")"


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
    elif column.type in _BYTES or column.charset:
        length = _or_null(f"LENGTH({name})", column)
        return f"{length}, {_BEFORE}, " + (f"IFNULL({name}, {_BINARY})" if column.nullable else name)
    else:  # geometry, vector, and what else may come
        value = f"HEX({name})"
    return _or_null(value, column)


def _or_null(value: str, column: Column) -> str:
    return f"IFNULL({value}, {_NULL})" if column.nullable else value


def tables(sql: Cursor) -> list[Table]:
    """Every table whose rows count, the largest first, so that the scans end at about the same time."""
    sql.execute(
        "SELECT CONCAT(t.table_schema, '.', t.table_name), c.column_name, c.data_type, c.is_nullable,"  # noqa: S608 # constants of ours
        " COALESCE(c.character_set_name, ''), c.column_key = 'PRI'"  # also told of another such key, if none is primary
        " FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)"
        f" WHERE t.table_type = 'BASE TABLE' AND t.table_schema NOT IN {NO_ROWS}"
        f" OR (t.table_schema, t.table_name) IN {SYSTEM_ROWS}"
        " ORDER BY t.data_length DESC, t.table_schema, t.table_name, c.ordinal_position"
    )
    columns: dict[str, list[Column]] = defaultdict(list)
    keyed: set[str] = set()
    for table, name, data_type, nullable, charset, key in sql.fetchall():
        columns[table].append(Column(name, data_type, nullable == "YES", charset))
        if key:
            keyed.add(table)
    return [Table(name, tuple(found), name in keyed) for name, found in columns.items() if counts("table", name)]


def rows(sql: Cursor, table: Table) -> Part:
    """How many rows a table has, and the hash of all. ToolFailed if the server warns."""
    row_hash = f"SHA2({row_bytes(table.columns)}, 256)"
    if table.keyed:
        total = f"LOWER(HEX(LEFT(BIT_XOR(UNHEX({row_hash})), 16)))"
    else:
        total = f"COALESCE(SUM(CAST(CONV(LEFT({row_hash}, 16), 16, 10) AS UNSIGNED)), 0)"
    schema, name = table.name.split(".", 1)
    scan = f"SELECT COUNT(*), {total} FROM `{schema}`.`{name}`"  # noqa: S608 # names from the server's own catalog
    sql.execute(scan)
    row = sql.fetchone()
    if row is None or sql.warning_count:
        sql.execute("SHOW WARNINGS LIMIT 3")
        raise ToolFailed([scan], 1, f"the digest of {table.name} is not whole: {sql.fetchall()}")
    return Part(int(row[0]), str(row[1]))


def _taken(left: deque[T]) -> Iterator[T]:
    """One after the other, while others take of the same."""
    while True:
        try:
            yield left.popleft()
        except IndexError:
            return
