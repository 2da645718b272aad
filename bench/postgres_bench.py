"""How long the digest of a table takes, beside one full scan of it by PostgreSQL itself.

The scan is `COPY table TO '/dev/null'`: the server's own reading, and printing, of every value of every row.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from psycopg2.extensions import cursor
from psycopg2.sql import SQL

from bench.timing import Seconds, compared
from harness.workloads.postgres.digest import SESSION, relations, rows_query
from harness.workloads.sql_store import part_name

_ALONE = "SET max_parallel_workers_per_gather = 0"  # COPY has no helpers either
_SCAN = SQL("COPY {} TO '/dev/null'")
_SCAN_OF_QUERY = SQL("COPY (SELECT * FROM {}) TO '/dev/null'")  # COPY does not take a materialized view by its name


def seconds(sql: cursor, rounds: int = 5) -> Mapping[str, Seconds]:
    """Scan and digest every table of the session's database, one after the other and in turns; by table."""
    sql.execute(SESSION)
    sql.execute(_ALONE)
    found: dict[str, Seconds] = {}
    for relation in relations(sql):
        if relation.kind == "S":
            continue
        scan = (_SCAN_OF_QUERY if relation.kind == "m" else _SCAN).format(relation.sql)
        digest = rows_query(relation)
        found[part_name(relation.schema, relation.name)] = compared(
            partial(sql.execute, scan), partial(sql.execute, digest), rounds
        )
    return found
