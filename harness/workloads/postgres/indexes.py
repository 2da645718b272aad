"""Checks each index of a PostgreSQL member, as far as PostgreSQL can.

A digest reads tables, and a damaged index gives wrong answers from correct rows. The extension amcheck compares a
B-tree with its table, also on standbys: its order, and an entry for each row. PostgreSQL 17 cannot check entries of
other kinds (GIN, GiST, BRIN, hash); for those the extension pg_prewarm reads every page, which detects wrong checksums
and files that are missing or too short. In a database without the extensions no index is checked.
"""

from collections.abc import Iterator

import psycopg2
from psycopg2.extensions import cursor
from psycopg2.sql import SQL, Identifier

from harness.core.model import IndexReading
from harness.core.reason import Reason
from harness.workloads.postgres.catalog import QUERIES
from harness.workloads.postgres.corruption import is_damage
from harness.workloads.postgres.digest import DATABASES, HOST, MAIN, SESSION, Connect

EXCLUDED = (
    ("entries of indexes that are no B-trees", "PostgreSQL cannot check them; only definitions and pages are"),
    ("indexes of databases without the extension amcheck", "nothing else compares an index with its table"),
)
"""What of indexes is not compared, and why."""

_CHECKED = SQL("SELECT {}.bt_index_check(%s::pg_catalog.regclass, true)")
_READ = SQL("SELECT {}.pg_prewarm(%s::pg_catalog.regclass, 'buffer')")


def check_indexes(connect: Connect, main: str = MAIN) -> IndexReading:
    """Check every index of every database. psycopg2.Error if one could not be checked."""
    with connect(main) as database, database.cursor() as sql:
        sql.execute(DATABASES)
        names = [str(name) for (name,) in sql]
        sql.execute(HOST)
        ((answered_by,),) = sql.fetchall()
    count, wrong = 0, dict[str, str]()
    for name in names:
        with connect(name) as database:
            # amcheck takes its own snapshots, and an error in one index must not abort the transaction for the next.
            database.set_session(isolation_level="READ COMMITTED", readonly=True, autocommit=True)
            with database.cursor() as sql:
                for index, said in _checked(sql):
                    count += 1
                    if said:
                        wrong[index if name == main else f"database {name}: {index}"] = said
    return IndexReading(str(answered_by), count, wrong, dict.fromkeys(wrong, Reason.IndexDamaged))


def _checked(sql: cursor) -> Iterator[tuple[str, str]]:
    """Each index that can be checked or read, with its problem, or ""."""
    sql.execute(SESSION)
    sql.execute(QUERIES["extensions"])
    schemas = dict(sql.fetchall())
    if "amcheck" not in schemas:
        return
    sql.execute(QUERIES["indexes"])
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
