"""Digests everything of a MySQL server that is not rows, from its own catalogs.

All columns of a catalog are compared, except `EXCLUDED`, so also those that a later version of MySQL adds. Catalogs of
one kind share their parts: `grants app@%` has rows of seven tables. The server's own objects, in the schemas `mysql`
and `sys`, are one part of each kind: `view sys`.

Settings and channels belong to a member (`core.model.OWN`): they are compared with those of the same member before,
not with other members.
"""

import hashlib
import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pymysql.cursors import Cursor

from harness.core.bank_workload import TABLES
from harness.core.model import Digest, Part
from harness.workloads.queries import sections
from harness.workloads.sql_store import part_name

LEDGER = "drillproof.ledger"
ACCOUNTS = tuple(f"drillproof.{table}" for table in TABLES)

SYSTEM_ROWS = (
    *(("mysql", f"time_zone{suffix}") for suffix in ("", "_leap_second", "_name", "_transition", "_transition_type")),
    ("mysql", "server_cost"),
    ("mysql", "engine_cost"),
    ("information_schema", "ST_SPATIAL_REFERENCE_SYSTEMS"),
)
"""The server's own tables whose rows an administrator can change, and that give other rows their meaning."""

_NO_OBJECTS = "('information_schema', 'performance_schema')"  # the server creates them at each start
_SYSTEM = ("mysql", "sys")


@dataclass(frozen=True)
class Catalog:
    """A catalog with parts of one kind. `named_by` are the columns with the object's name."""

    kind: str
    source: str
    named_by: Sequence[str]
    where: str = "TRUE"
    columns: str = "*"
    newer: bool = False  # the oldest supported server lacks this catalog, and then has no such objects

    @property
    def query(self) -> str:
        ours = f" AND {self.named_by[0]} NOT IN {_NO_OBJECTS}" if self._is_of_schemas else ""
        return f"SELECT {self.columns} FROM {self.source} WHERE {self.where}{ours}"  # noqa: S608 # constants of ours

    def part(self, row: dict[str, object]) -> str:
        """The name of the part that a row belongs to."""
        names = [str(row[name]) for name in self.named_by]
        if self._is_of_schemas and names[0] in _SYSTEM:
            return f"{self.kind} {names[0]}"
        return " ".join(filter(None, (self.kind, part_name(*names) if self._is_of_schemas else "@".join(names))))

    @property
    def _is_of_schemas(self) -> bool:
        return "SCHEMA" in "".join(self.named_by[:1])


HALVED_FROM = 5000
"""Rows plus KiB, which take about the same time. One session reads a smaller table before a second could start."""

QUERIES = sections(Path(__file__).with_name("queries.sql"), system_rows=SYSTEM_ROWS, halved_from=HALVED_FROM)

_TABLE = ("TABLE_SCHEMA", "TABLE_NAME")
_VIEWS = "information_schema.views"

_FILE = tomllib.loads(Path(__file__).with_name("catalogs.toml").read_text("utf-8"))
CATALOGS = tuple(Catalog(**row) for row in _FILE["catalogs"])
PRIMARY = tuple(Catalog(**row) for row in _FILE["primary"])
"""Read on the primary only."""
UNREAD: Mapping[str, str] = _FILE["unread"]
"""Relations, or columns of them, that no catalog reads, and why."""
EXCLUDED = (
    *((*name.split(": "), why) for name, why in _FILE["excluded"].items()),
    *((kind, LEDGER, "the drill's own writes; the ledger's checks compare its rows") for kind in ("table", "sequence")),
    *(("table", name, "changed by these writes; `transfers-whole` compares them") for name in ACCOUNTS),
)
"""(kind, or one part of it; name; reason) of what may differ between members, or after a correct restore. The name is
that of a catalog's column, of a table for its rows or sequence, or of a setting."""

_EXCLUDED = frozenset((kind, name) for kind, name, _ in EXCLUDED)


def counts(kind: str, name: str) -> bool:
    return (kind, name) not in _EXCLUDED


def catalog(sql: Cursor, *, primary: bool) -> Digest:
    """One part for each object, account and setting; on the `primary` also the status of events."""
    sql.execute("SET SESSION information_schema_stats_expiry = 0")  # otherwise AUTO_INCREMENT can be a day old
    lines: dict[str, list[str]] = defaultdict(list)
    for source in (*CATALOGS, *(PRIMARY if primary else ())):
        if source.newer and not _has(sql, source.source):
            continue
        sql.execute(source.query)
        names = [str(column[0]) for column in sql.description or ()]
        for values in sql.fetchall():
            row = dict(zip(names, values, strict=True))
            part = source.part(row)
            if counts(source.kind, part.removeprefix(f"{source.kind} ")):
                told = {name: value for name, value in row.items() if counts(source.kind, name) and counts(part, name)}
                lines[part].append(f"{source.source} {told!r}")
            if source.source == _VIEWS:
                lines[part].append(_algorithm(sql, row))
    return {part: Part(len(told), _hash(told)) for part, told in lines.items()}


def _algorithm(sql: Cursor, view: Mapping[str, object]) -> str:
    """The algorithm of a view, which no catalog shows."""
    schema, name = (str(view[column]).replace("`", "``") for column in _TABLE)
    sql.execute(f"SHOW CREATE VIEW `{schema}`.`{name}`")
    statement = "".join(str(created) for _, created, *_ in sql.fetchall())
    return "".join(re.findall(r"^CREATE (ALGORITHM=\w+) ", statement))


def _has(sql: Cursor, source: str) -> bool:
    sql.execute(QUERIES["has_relation"], (source,))
    return bool(sql.fetchall())


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()[:32]
