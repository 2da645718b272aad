"""How long the digest of MySQL's tables takes, beside a full scan of the same tables by the server itself.

The scan is CHECKSUM TABLE: the server's own reading of every row and column in one session, with a CRC of each value.
The digest is read as a drill reads it, a large table by two sessions at once. On an idle machine a large table then
takes about as long as its scan; by one session, or where all cores are busy, up to twice as long (wide values at the
pace of SHA-256, where a CRC is twice as fast; narrow rows at 0.3 us a row more, of which SHA-256 is a half). No
expression of SQL is cheaper and sees as much: SHA2 of 512 bits takes longer, a CRC is linear, and a value's own SHA2 in
the place of its bytes saves a copy that costs nothing. So tables of few milliseconds stay above 1.5 scans.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from pymysql.cursors import Cursor

from bench.timing import Seconds, compared
from harness.core.parallel import for_each
from harness.workloads.mysql.digest import Table, quoted_table, rows, slices, tables


def seconds(sql: Cursor, another: Cursor, rounds: int = 5) -> Mapping[str, Seconds]:
    """Each table in turn, alone."""
    return {
        table.name: compared(partial(_scan, sql, table), partial(_digest, (sql, another), table), rounds)
        for table in tables(sql)
        if not table.is_view
    }


def _scan(sql: Cursor, table: Table) -> None:
    sql.execute(f"CHECKSUM TABLE {quoted_table(table.name)}")
    sql.fetchall()


def _digest(sessions: tuple[Cursor, Cursor], table: Table) -> None:
    parts = slices(sessions[0], table)
    if len(parts) == 1:  # a drill's threads are started once for all tables
        rows(sessions[0], parts[0])
    else:
        for_each(zip(sessions, parts, strict=True), lambda whose: rows(*whose))
