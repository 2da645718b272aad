"""How long the digest of a table takes, beside one full scan of it by PostgreSQL itself: read and print every value."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2.extensions import cursor
from psycopg2.sql import SQL, Composable

from harness.datastores.postgres_digest import SESSION, relations, rows_query

_ALONE = "SET max_parallel_workers_per_gather = 0"  # COPY has no helpers either
_SCAN = SQL("COPY {} TO '/dev/null'")
_SCAN_OF_QUERY = SQL("COPY (SELECT * FROM {}) TO '/dev/null'")  # COPY does not take a materialized view by its name


@dataclass(frozen=True)
class Seconds:
    """What the server needed for one table, by the client's clock; the shortest of all rounds."""

    scan_s: float
    digest_s: float


def compared(sql: cursor, rounds: int = 5) -> Mapping[str, Seconds]:
    """Scan and digest every table of the session's database, one after the other and in turns; by table."""
    sql.execute(SESSION)
    sql.execute(_ALONE)
    found: dict[str, Seconds] = {}
    for relation in relations(sql):
        if relation.kind == "S":
            continue
        scan = (_SCAN_OF_QUERY if relation.kind == "m" else _SCAN).format(relation.sql)
        turns = [(_took(sql, scan), _took(sql, rows_query(relation))) for _ in range(rounds)]
        scans, digests = zip(*turns, strict=True)
        found[relation.full_name] = Seconds(min(scans), min(digests))
    return found


def _took(sql: cursor, statement: Composable) -> float:
    begun = time.perf_counter()
    sql.execute(statement)
    return time.perf_counter() - begun
