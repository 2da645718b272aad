"""Digests a MySQL member inside the server, with one scan of each table, or of each half of a large one.

Why no accident keeps the hash of a table's rows unchanged:
- A row becomes bytes without ambiguity. The byte FF stands before each value, and FE for NULL: neither occurs in valid
  UTF-8, nor in a number or date. Values that may hold them (binary, other character sets) follow their length.
- Bytes are hashed as stored: no collation, character set or client influences them. Floats are widened, because their
  text is rounded.
- The order of rows does not matter, but every row does. If a key makes all rows different, their SHA-256 are XORed. Two
  equal rows would cancel each other out. But equal XORs mean that the rows that occur an odd number of times are the
  same, and with the same row count there can be no others. If no key makes them different, the first 64 bits of each
  row's SHA-256 are added up exactly, which costs a fifth more.
- A warning of the server (a row too large to be concatenated) is an error, never a skipped row.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from pymysql.cursors import Cursor

from harness.core.errors import ToolFailed
from harness.core.model import Part, Reading
from harness.core.parallel import for_each
from harness.workloads.mysql.catalog import MYSQL, Dialect, catalog
from harness.workloads.sql_store import one

T = TypeVar("T")

ALL = "USE INDEX ()"
"""Makes MySQL read the table itself: otherwise it may read a smaller index with the same columns."""

HOST = "SELECT @@hostname"
"""Queries the name of the server that answers."""

_NULL = "CAST(0xFE AS BINARY)"
_BINARY = "CAST('' AS BINARY)"  # a cast, not a literal: it makes the whole row binary, so that nothing is converted
_BEFORE = "_binary 0xFF"
_FREE_OF_FF = ("ascii", "utf8mb3", "utf8mb4")
_PLAIN = (
    *("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double"),
    *("date", "time", "datetime", "timestamp", "year"),
)
_HALVING = ("tinyint", "smallint", "mediumint", "int", "bigint", "char", "varchar", "binary", "varbinary")
"""Types of keys whose middle value the client can send back unchanged."""
_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")


@dataclass(frozen=True)
class Column:
    """One column as in information_schema; `charset` is empty for other types than text."""

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
    halved_by: str = ""  # the first column of its primary key, if it is worth reading its rows in two halves
    about_rows: int = 0  # the server's estimate
    versions: str = ""  # SQL that reads its rows as they once were, too; it ends with a space

    @property
    def is_view(self) -> bool:
        """Whether it is one of the server's own dictionary views, which take no index hint."""
        return self.name.startswith("information_schema.")


@dataclass(frozen=True)
class Slice:
    """All rows of a table, or a half of them."""

    table: Table
    where: str = ""
    values: tuple[object, ...] = ()


def digest(
    session: Callable[[], AbstractContextManager[Cursor]], dialect: Dialect = MYSQL, *, primary: bool
) -> Reading:
    """Every part of one member. `session` opens a new connection, in UTC. ToolFailed if a part cannot be read."""
    with session() as sql, session() as another:
        hosts = {str(one(each, HOST)[0]) for each in (sql, another)}
        parts = {f"table {name}": part for name, part in read((sql, another), tables(sql, dialect), dialect).items()}
        # After the scans: AUTO_INCREMENT is one too low for a table that was not opened since the start.
        return Reading(", ".join(sorted(hosts)), {**parts, **catalog(sql, dialect, primary=primary)})


def read(sessions: Sequence[Cursor], tables: Sequence[Table], dialect: Dialect = MYSQL) -> dict[str, Part]:
    """The rows of each table, by its name.

    The sessions read in parallel, because hashing costs more than reading and servers have several cores. They share
    the large tables by halves, so that no session reads the largest table alone.
    """
    left = deque(part for table in tables for part in slices(sessions[0], table))

    def scan(sql: Cursor) -> list[tuple[str, Part]]:
        return [(part.table.name, rows(sql, part, dialect)) for part in _taken(left)]

    parts: dict[str, Part] = {}
    for name, part in chain(*for_each(sessions, scan)):
        parts[name] = _together(parts[name], part) if name in parts else part
    return parts


def slices(sql: Cursor, table: Table) -> tuple[Slice, ...]:
    """The scans of a table: of all rows, or below and from about the middle value of a column that is never NULL."""
    column = quoted(table.halved_by)
    if table.halved_by:
        keys = f"SELECT {column} FROM {quoted_table(table.name)} ORDER BY {column}"  # noqa: S608 # names from the server's own catalog
        sql.execute(f"{keys} LIMIT 1 OFFSET {table.about_rows // 2}")
        if middle := sql.fetchone():
            where = f"FORCE INDEX (PRIMARY) WHERE {column} ".replace("%", "%%")
            return Slice(table, f"{where}< %s", middle), Slice(table, f"{where}>= %s", middle)
    return (Slice(table, "" if table.is_view else ALL),)


def _together(one: Part, other: Part) -> Part:
    """The sum of two halves of a table with a key: XOR does not depend on where it was cut."""
    return Part(one.rows + other.rows, f"{int(one.hash, 16) ^ int(other.hash, 16):032x}")


def row_bytes(columns: Sequence[Column]) -> str:
    """The SQL expression of one row's bytes. Not CONCAT_WS, which takes twice as long."""
    return ", ".join((f"CONCAT({_BINARY}", *(f"{_BEFORE}, {_value(column)}" for column in columns))) + ")"


def _value(column: Column) -> str:
    name = quoted(column.name)
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
    else:  # geometry, vector, and future types
        value = f"HEX({name})"
    return _or_null(value, column)


def _or_null(value: str, column: Column) -> str:
    return f"IFNULL({value}, {_NULL})" if column.nullable else value


def quoted(name: str) -> str:
    """A name as SQL."""
    return "`" + name.replace("`", "``") + "`"


def quoted_table(name: str) -> str:
    """What `part_name` made of a schema and a table, as SQL."""
    names = re.findall(r'"((?:[^"]|"")*)"|([^."]+)', name)
    return ".".join(quoted(plain or quotes.replace('""', '"')) for quotes, plain in names)


def tables(sql: Cursor, dialect: Dialect = MYSQL) -> list[Table]:
    """Every table whose rows are compared, the largest first, so that the sessions end at about the same time."""
    sql.execute(dialect.queries["session"])
    sql.execute(dialect.queries["tables"])
    columns: dict[str, list[Column]] = defaultdict(list)
    keyed: set[str] = set()
    halved: dict[str, tuple[str, int]] = {}
    versions: dict[str, str] = {}
    for table, name, data_type, nullable, charset, key, about_rows, leads, versions[table] in sql.fetchall():
        columns[table].append(Column(name, data_type, nullable == "YES", charset))
        if key:
            keyed.add(table)
        if leads and about_rows and data_type in _HALVING:
            halved[table] = name, about_rows
    return [
        Table(name, tuple(found), name in keyed, *halved.get(name, ("", 0)), versions[name])
        for name, found in columns.items()
        if dialect.counts("table", name)
    ]


def rows(sql: Cursor, part: Slice, dialect: Dialect = MYSQL) -> Part:
    """The row count and the hash of all rows. ToolFailed if the server warns."""
    table = part.table
    total = total_of(row_bytes(table.columns), dialect, keyed=table.keyed)
    scan = f"SELECT COUNT(*), {total} FROM {quoted_table(table.name)} {table.versions}".replace("%", "%%") + part.where  # noqa: S608 # names from the server's own catalog
    sql.execute(scan, part.values)
    row = sql.fetchone()
    if row is None or sql.warning_count:
        sql.execute("SHOW WARNINGS LIMIT 3")
        raise ToolFailed([scan], 1, f"the digest of {table.name} is incomplete: {sql.fetchall()}")
    return Part(int(row[0]), str(row[1]))


def total_of(row: str, dialect: Dialect = MYSQL, *, keyed: bool) -> str:
    """The SQL expression for the hash of all rows; `row` is that of one row's bytes, `keyed` if no two are equal."""
    row_hash = f"SHA2({row}, 256)"
    if keyed:
        return dialect.queries["xor"].replace("%s", row_hash)
    return f"COALESCE(SUM(CAST(CONV(LEFT({row_hash}, 16), 16, 10) AS UNSIGNED)), 0)"


def _taken(left: deque[T]) -> Iterator[T]:
    """Take elements one by one, while other threads do the same."""
    while True:
        try:
            yield left.popleft()
        except IndexError:
            return
