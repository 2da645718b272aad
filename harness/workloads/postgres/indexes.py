"""Whether each index of a PostgreSQL member is sound, as far as PostgreSQL itself can tell.

A digest reads tables, and a damaged index gives wrong answers from right rows. A B-tree is held against its table by
the extension amcheck, on standbys too: its order, and an entry for each row. Of other kinds (GIN, GiST, BRIN, hash)
PostgreSQL 17 can check no entries; of those every page is read by the extension pg_prewarm, so that one whose checksum
is wrong, or a file that is cut or gone, shows. A database without the extensions has no index that is held.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
from psycopg2.extensions import cursor
from psycopg2.sql import SQL, Identifier

from harness.core.model import IndexReading
from harness.core.reason import Reason
from harness.workloads.postgres.corruption import is_damage
from harness.workloads.postgres.digest import DATABASES, HOST, MAIN, SESSION, Connect

EXCLUDED = (
    ("entries of indexes that are no B-trees", "PostgreSQL cannot check them; their definitions and pages are"),
    ("indexes of databases without the extension amcheck", "nothing else holds an index against its table"),
)
"""What of indexes is not compared, and why."""

_EXTENSIONS = """
SELECT x.extname, n.nspname FROM pg_catalog.pg_extension x
JOIN pg_catalog.pg_namespace n ON n.oid = x.extnamespace WHERE x.extname IN ('amcheck', 'pg_prewarm')
"""
_INDEXES = """
SELECT i.indexrelid, n.nspname || '.' || c.relname, a.amname = 'btree'
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am a ON a.oid = c.relam JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'i' AND i.indisvalid AND i.indisready AND c.relpersistence = 'p' ORDER BY 2
"""
"""All that are in use, the system's included."""

_CHECKED = SQL("SELECT {}.bt_index_check(%s::pg_catalog.regclass, true)")
_READ = SQL("SELECT {}.pg_prewarm(%s::pg_catalog.regclass, 'buffer')")


def held(connect: Connect, main: str = MAIN) -> IndexReading:
    """Every index of every database; those of the main one are named without it. psycopg2.Error if one is not asked."""
    with connect(main) as database, database.cursor() as sql:
        sql.execute(DATABASES)
        names = [str(name) for (name,) in sql]
        sql.execute(HOST)
        ((answered_by,),) = sql.fetchall()
    count, wrong = 0, dict[str, str]()
    for name in names:
        with connect(name) as database:
            # amcheck wants snapshots of its own; a transaction that failed over one index is none for the next.
            database.set_session(isolation_level="READ COMMITTED", readonly=True, autocommit=True)
            with database.cursor() as sql:
                for index, said in _held(sql):
                    count += 1
                    if said:
                        wrong[index if name == main else f"database {name}: {index}"] = said
    return IndexReading(str(answered_by), count, wrong, dict.fromkeys(wrong, Reason.IndexDamaged))


def _held(sql: cursor) -> Iterator[tuple[str, str]]:
    """Each index that can be held against its table or read, with what is wrong with it; "" for nothing."""
    sql.execute(SESSION)
    sql.execute(_EXTENSIONS)
    schemas = dict(sql.fetchall())
    if "amcheck" not in schemas:
        return
    sql.execute(_INDEXES)
    for oid, name, is_btree in sql.fetchall():
        extension, asked = ("amcheck", _CHECKED) if is_btree else ("pg_prewarm", _READ)
        if extension in schemas:
            try:
                sql.execute(asked.format(Identifier(schemas[extension])), (oid,))
            except psycopg2.Error as error:
                if not is_damage(error.pgcode, str(error)):
                    raise
                yield name, f"is damaged: {str(error).strip()}"
            else:
                yield name, ""
