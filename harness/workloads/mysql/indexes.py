"""Checks that each secondary index of a MySQL member has exactly the entries of its table's rows, and finds them.

The digest reads tables, and a damaged index gives wrong answers from correct rows. So every index is read alone, from
its first entry to its last, and its entries are hashed as the digest hashes rows; the same values are hashed from the
table, in one scan for all its indexes. EXPLAIN must confirm that only the index is read.

Then CHECK TABLE follows the trees from their roots, including the table's own: a damaged page above the leaves misleads
every lookup, and no scan reads it. CHECK TABLE alone is not enough, because it counts entries: it accepted an index
with an outdated entry. It runs last, because it marks damage on the member's disk, or stops the server.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pymysql
from pymysql.cursors import Cursor

from harness.core.errors import ToolFailed
from harness.core.model import IndexReading
from harness.core.reason import Reason
from harness.workloads.mysql.catalog import MYSQL, Dialect
from harness.workloads.mysql.digest import ALL, HOST, Column, quoted, quoted_table, row_bytes, total_of

EXCLUDED = (
    ("indexes of text (FULLTEXT) and of arrays", "the server cannot read them alone"),
    (
        "what an index has of a prefix, an expression or a place",
        "the same; only that each row has an entry is compared",
    ),
)
"""What of indexes is not compared, and why."""

_PRIMARY = "PRIMARY"
_SOUND = ("status", "note", "info")


@dataclass(frozen=True)
class Index:
    table: str  # schema.table
    name: str
    columns: tuple[Column, ...]  # those that its entries contain completely, including the primary key's
    keyed: bool  # whether no two entries are equal

    def total(self, dialect: Dialect) -> str:
        return total_of(row_bytes(self.columns), dialect, keyed=self.keyed)


def check_indexes(sql: Cursor, dialect: Dialect = MYSQL) -> IndexReading:
    """Compare every index with its table. ToolFailed, caused by the server's error, names what cannot be read."""
    sql.execute(dialect.queries["unhide_indexes"])
    sql.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")  # a replica may still apply transactions
    found = indexes(sql, dialect)
    by_table: dict[str, list[Index]] = defaultdict(list)
    for index in found:
        by_table[index.table].append(index)
    wrong: dict[str, str] = {}
    reasons: dict[str, Reason] = {}
    for table, its in by_table.items():
        totals = ", ".join(index.total(dialect) for index in its)
        rows, *hashes = _one(sql, f"table {table}", f"SELECT COUNT(*), {totals} FROM {quoted_table(table)} {ALL}")  # noqa: S608 # names from the server's own catalog
        for index, hashed in zip(its, hashes, strict=True):
            entries, own = _by_itself(sql, index, dialect)
            if (entries, own) != (rows, hashed):
                name = f"{table}.{index.name}"
                wrong[name], reasons[name] = _difference(int(str(entries)), int(str(rows)))
    sql.execute("COMMIT")
    if not wrong:
        wrong = _checked(sql, dialect)
        reasons = dict.fromkeys(wrong, Reason.IndexDamaged)
    return IndexReading(str(_one(sql, "host name", HOST)[0]), len(found), wrong, reasons)


def _difference(entries: int, rows: int) -> tuple[str, Reason]:
    if entries == rows:
        return "has entries that no row has", Reason.IndexStale
    lacks = Reason.IndexIncomplete if entries < rows else Reason.IndexEntryUnexpected
    return f"has {entries} entries for {rows} rows", lacks


def _checked(sql: Cursor, dialect: Dialect) -> dict[str, str]:
    sql.execute(dialect.queries["indexed_tables"])
    against: dict[str, str] = {}
    for (table,) in sql.fetchall():
        said = _all(sql, f"table {table}", f"CHECK TABLE {quoted_table(table)}")
        if texts := [str(text) for _, _, kind, text in said if str(kind).lower() not in _SOUND]:
            against[table] = f"is not sound: {'; '.join(texts)}"
    return against


def indexes(sql: Cursor, dialect: Dialect = MYSQL) -> list[Index]:
    """Every secondary index that can be read alone."""
    sql.execute(dialect.queries["indexes"])
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


def _by_itself(sql: Cursor, index: Index, dialect: Dialect) -> tuple[object, ...]:
    what = f"index {index.table}.{index.name}"
    scan = (
        f"SELECT COUNT(*), {index.total(dialect)} FROM {quoted_table(index.table)} FORCE INDEX ({quoted(index.name)})"  # noqa: S608 # names from the server's own catalog
    )
    answer = _one(sql, what, f"EXPLAIN FORMAT=TRADITIONAL {scan}")
    plan = dict(zip((column[0] for column in sql.description or ()), answer, strict=True))
    if (plan["type"], plan["key"]) != ("index", index.name) or "Using index" not in str(plan["Extra"]):
        raise ToolFailed([scan], 1, f"{what} would not be read alone: {plan}")
    return _one(sql, what, scan)


def _one(sql: Cursor, what: str, statement: str) -> tuple[object, ...]:
    rows = _all(sql, what, statement)
    if not rows or (sql.warning_count and not statement.startswith("EXPLAIN")):  # EXPLAIN shows its query in a warning
        raise ToolFailed([statement], 1, f"{what} was not read completely")
    return rows[0]


def _all(sql: Cursor, what: str, statement: str) -> Sequence[tuple[object, ...]]:
    try:
        sql.execute(statement)
        return sql.fetchall()
    except pymysql.MySQLError as error:
        raise ToolFailed([statement], 1, f"{what}: {error}", (what,)) from error
