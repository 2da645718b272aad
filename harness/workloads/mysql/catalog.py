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
from functools import cached_property
from pathlib import Path

from pymysql.cursors import Cursor

from harness.core.bank_workload import TABLES
from harness.core.model import Digest, Part
from harness.workloads.queries import sections
from harness.workloads.sql_store import part_name

LEDGER = "drillproof.ledger"
ACCOUNTS = tuple(f"drillproof.{table}" for table in TABLES)

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
    show: str = ""  # what SHOW CREATE calls an object with something that no catalog has
    omit: str = ""  # a regular expression: what of that statement does not count

    @property
    def query(self) -> str:
        if self.source.startswith("SHOW "):
            return self.source
        ours = f" AND {self.named_by[0]} NOT IN {_NO_OBJECTS}" if self._is_of_schemas else ""
        return f"SELECT {self.columns} FROM {self.source} WHERE {self.where}{ours}"  # noqa: S608 # constants of ours

    def reads(self, column: str) -> bool:
        """Whether a column of the answer counts; a SELECT has no others."""
        return not self.source.startswith("SHOW ") or column in re.split(r",\s+", self.columns)

    def part(self, row: dict[str, object]) -> str:
        """The name of the part that a row belongs to."""
        names = [str(row[name]) for name in self.named_by]
        if self._is_of_schemas and names[0] in _SYSTEM:
            return f"{self.kind} {names[0]}"
        return " ".join(filter(None, (self.kind, part_name(*names) if self._is_of_schemas else "@".join(names))))

    @property
    def _is_of_schemas(self) -> bool:
        first = "".join(self.named_by[:1])
        return "SCHEMA" in first or first == "db"


HALVED_FROM = 5000
"""Rows plus KiB, which take about the same time. One session reads a smaller table before a second could start."""

_TABLE = ("TABLE_SCHEMA", "TABLE_NAME")


@dataclass(frozen=True)
class Dialect:
    """The statements and catalogs of one kind of server, from queries.sql and catalogs.toml in a folder."""

    queries: Mapping[str, str]
    catalogs: tuple[Catalog, ...]
    primary: tuple[Catalog, ...]
    """Read on the primary only."""
    system_rows: tuple[tuple[str, str], ...]
    """The server's own tables whose rows are compared."""
    unread: Mapping[str, str]
    """Relations, or columns of them, that no catalog reads, and why."""
    excluded: tuple[tuple[str, str, str], ...]
    """(kind, or one part of it; name; reason) of what may differ between members, or after a correct restore. The name
    is that of a catalog's column, of a table for its rows or sequence, or of a setting."""

    @classmethod
    def of(cls, folder: Path) -> "Dialect":
        file = tomllib.loads((folder / "catalogs.toml").read_text("utf-8"))
        rows = tuple((schema, table) for schema, table in file["system_rows"])
        return cls(
            queries=sections(folder / "queries.sql", system_rows=rows, halved_from=HALVED_FROM),
            catalogs=tuple(Catalog(**row) for row in file["catalogs"]),
            primary=tuple(Catalog(**row) for row in file["primary"]),
            system_rows=rows,
            unread=file["unread"],
            excluded=(
                *((*name.split(": "), why) for name, why in file["excluded"].items()),
                *(
                    (kind, LEDGER, "the drill's own writes; the ledger's checks compare its rows")
                    for kind in ("table", "sequence")
                ),
                *(("table", name, "changed by these writes; `transfers-whole` compares them") for name in ACCOUNTS),
            ),
        )

    def counts(self, kind: str, name: str) -> bool:
        return (kind, name) not in self._excluded

    @cached_property
    def _excluded(self) -> frozenset[tuple[str, str]]:
        return frozenset((kind, name) for kind, name, _ in self.excluded)


MYSQL = Dialect.of(Path(__file__).parent)


def catalog(sql: Cursor, dialect: Dialect = MYSQL, *, primary: bool) -> Digest:
    """One part for each object, account and setting; on the `primary` also the status of events."""
    sql.execute(dialect.queries["session"])
    lines: dict[str, list[str]] = defaultdict(list)
    for source in (*dialect.catalogs, *(dialect.primary if primary else ())):
        if source.newer and not _has(sql, source.source, dialect):
            continue
        sql.execute(source.query)
        names = [str(column[0]) for column in sql.description or ()]
        for values in sql.fetchall():
            row = dict(zip(names, values, strict=True))
            part = source.part(row)
            if dialect.counts(source.kind, part.removeprefix(f"{source.kind} ")):
                told = {
                    name: value
                    for name, value in row.items()
                    if source.reads(name) and dialect.counts(source.kind, name) and dialect.counts(part, name)
                }
                lines[part].append(f"{source.source} {told!r}")
            if source.show:
                lines[part].append(_created(sql, source, row))
    return {part: Part(len(told), _hash(told)) for part, told in lines.items()}


def _created(sql: Cursor, source: Catalog, row: Mapping[str, object]) -> str:
    """What counts of the statement that creates an object."""
    schema, name = (str(row[column]).replace("`", "``") for column in _TABLE)
    sql.execute(f"SHOW CREATE {source.show} `{schema}`.`{name}`")
    return re.sub(source.omit, "", "".join(str(created) for _, created, *_ in sql.fetchall()))


def _has(sql: Cursor, source: str, dialect: Dialect) -> bool:
    sql.execute(dialect.queries["has_relation"], (source,))
    return bool(sql.fetchall())


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()[:32]
