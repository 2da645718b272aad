"""Whether each secondary index of a MySQL member has just the entries that its table's rows call for.

The digest reads tables, and a damaged index gives wrong answers from right rows. So every index is read by itself, from
its first entry to its last, and its entries are hashed as the digest hashes rows; the same values are hashed from the
table, in one scan for all of its indexes. EXPLAIN must say that the index alone is read: else nothing was asked.

CHECK TABLE is not used. It counts entries, so an index with a stale page passes, if as many rows as it lacks are there
no more (seen: one row's entry from before its last change); what it finds it marks as corrupt on the member's disk, and
it takes two to eight scans.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import pymysql
from pymysql.cursors import Cursor

from harness.datastores.mysql_catalog import NO_ROWS
from harness.datastores.mysql_digest import ALL, Column, host, quoted, row_bytes, total_of
from harness.errors import ToolFailed
from harness.model import IndexReading

EXCLUDED = (
    ("indexes of text (FULLTEXT), of places (SPATIAL) and of arrays", "the server does not read them by themselves"),
    ("what an index has of a prefix or an expression", "the same; that each row has its entry is compared"),
    ("an index's order and its upper pages", "its entries are read one after the other, not looked up"),
)
"""What of indexes is not compared, and why."""

_INDEXES = f"""
SELECT CONCAT(s.table_schema, '.', s.table_name), s.index_name, c.column_name, c.data_type, c.is_nullable,
    COALESCE(c.character_set_name, ''), s.sub_part IS NULL
FROM information_schema.statistics s
LEFT JOIN information_schema.columns c USING (table_schema, table_name, column_name)
WHERE s.table_schema NOT IN {NO_ROWS} AND s.index_type = 'BTREE' AND COALESCE(s.expression NOT LIKE '% array)', TRUE)
ORDER BY s.index_name <> 'PRIMARY', s.table_schema, s.table_name, s.index_name, s.seq_in_index
"""  # noqa: S608 # constants of ours
_PRIMARY = "PRIMARY"
_TYPE, _KEY, _EXTRA = 4, 6, 11  # columns of EXPLAIN


@dataclass(frozen=True)
class Index:
    """One secondary index."""

    table: str  # schema.table
    name: str
    columns: tuple[Column, ...]  # those that its entries have whole; the primary key's are among them
    keyed: bool  # whether no two entries are equal

    @property
    def total(self) -> str:
        """The expression of the hash of all entries."""
        return total_of(row_bytes(self.columns), keyed=self.keyed)


def held(sql: Cursor) -> IndexReading:
    """Every index against its table. ToolFailed, with the server's error for its cause, names what can't be read."""
    sql.execute("SET SESSION optimizer_switch = 'use_invisible_indexes=on'")
    found = indexes(sql)
    by_table: dict[str, list[Index]] = defaultdict(list)
    for index in found:
        by_table[index.table].append(index)
    wrong: dict[str, str] = {}
    for table, its in by_table.items():
        totals = ", ".join(index.total for index in its)
        rows, *hashes = _one(sql, f"table {table}", f"SELECT COUNT(*), {totals} FROM {_quoted(table)} {ALL}")  # noqa: S608 # names from the server's own catalog
        for index, hashed in zip(its, hashes, strict=True):
            entries, own = _by_itself(sql, index)
            if (entries, own) != (rows, hashed):
                wrong[f"{table}.{index.name}"] = (
                    f"has {entries} entries for {rows} rows" if entries != rows else "has entries that no row has"
                )
    return IndexReading(host(sql), len(found), wrong)


def indexes(sql: Cursor) -> list[Index]:
    """Every index that can be read by itself, but for those that are the table."""
    sql.execute(_INDEXES)
    columns: dict[tuple[str, str], dict[str, Column]] = defaultdict(dict)
    cut: set[tuple[str, str]] = set()
    for table, name, column, data_type, nullable, charset, whole in sql.fetchall():
        its = columns[table, name]
        if whole and column is not None:
            its[column] = Column(column, data_type, nullable == "YES", charset)
        else:
            cut.add((table, name))
    found = []
    for (table, name), its in columns.items():
        key = table, _PRIMARY
        if name != _PRIMARY:
            # The entries of InnoDB end with the primary key.
            whole = tuple({**its, **columns.get(key, {})}.values())
            found.append(Index(table, name, whole, keyed=key in columns and key not in cut))
    return found


def _by_itself(sql: Cursor, index: Index) -> tuple[object, ...]:
    what = f"index {index.table}.{index.name}"
    scan = f"SELECT COUNT(*), {index.total} FROM {_quoted(index.table)} FORCE INDEX ({quoted(index.name)})"  # noqa: S608 # names from the server's own catalog
    plan = _one(sql, what, f"EXPLAIN FORMAT=TRADITIONAL {scan}")
    if (plan[_TYPE], plan[_KEY]) != ("index", index.name) or "Using index" not in str(plan[_EXTRA]):
        raise ToolFailed([scan], 1, f"{what} would not be read by itself: {plan}")
    return _one(sql, what, scan)


def _one(sql: Cursor, what: str, statement: str) -> tuple[object, ...]:
    try:
        sql.execute(statement)
        row = sql.fetchone()
    except pymysql.MySQLError as error:
        raise ToolFailed([statement], 1, f"{what}: {error}") from error
    if row is None or (sql.warning_count and not statement.startswith("EXPLAIN")):
        raise ToolFailed([statement], 1, f"{what} was not read whole")
    return row


def _quoted(table: str) -> str:
    return ".".join(map(quoted, table.split(".", 1)))
