"""Everything of a MySQL server that is not rows, as its own catalogs tell it.

All columns of a catalog count but those of `EXCLUDED`, so that what a later version of MySQL adds is
compared too. Catalogs of one kind share their parts: `grants app@%` has rows of seven tables.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass

from pymysql.cursors import Cursor

from harness.model import Digest, Part

LEDGER = "drillproof.ledger"
SYSTEM_SCHEMAS = "('information_schema', 'mysql', 'performance_schema', 'sys')"


@dataclass(frozen=True)
class Catalog:
    """Where parts of one kind are told. `named_by` are the columns that name the object."""

    kind: str
    source: str
    named_by: tuple[str, ...]
    where: str = "TRUE"
    columns: str = "*"

    @property
    def query(self) -> str:
        """What to ask the server."""
        ours = f" AND {self.named_by[0]} NOT IN {SYSTEM_SCHEMAS}" if self.source.startswith("information_") else ""
        return f"SELECT {self.columns} FROM {self.source} WHERE {self.where}{ours}"  # noqa: S608 # constants of ours

    def part(self, row: dict[str, object]) -> str:
        """The name of the part that a row belongs to."""
        joint = "." if self.source.startswith("information_") else "@"
        return " ".join(filter(None, (self.kind, joint.join(str(row[name]) for name in self.named_by))))


_TABLE = ("TABLE_SCHEMA", "TABLE_NAME")
_SETTINGS = (
    "'character_set_server', 'collation_server', 'default_storage_engine', 'default_table_encryption',"
    " 'explicit_defaults_for_timestamp', 'gtid_mode', 'innodb_default_row_format', 'innodb_strict_mode',"
    " 'lower_case_table_names', 'sql_mode', 'sql_require_primary_key', 'time_zone', 'transaction_isolation'"
)

CATALOGS = (
    Catalog("database", "information_schema.schemata", ("SCHEMA_NAME",)),
    Catalog("database", "information_schema.schemata_extensions", ("SCHEMA_NAME",)),
    Catalog("options", "information_schema.tables", _TABLE, "table_type = 'BASE TABLE'"),
    Catalog(
        "sequence",
        "information_schema.tables",
        _TABLE,
        "auto_increment > 0",
        "table_schema, table_name, auto_increment",
    ),
    Catalog("columns", "information_schema.columns", _TABLE),
    Catalog("columns", "information_schema.columns_extensions", _TABLE),
    Catalog("indexes", "information_schema.statistics", _TABLE),
    Catalog("constraints", "information_schema.table_constraints", _TABLE),
    Catalog("constraints", "information_schema.key_column_usage", _TABLE),
    Catalog("constraints", "information_schema.referential_constraints", ("CONSTRAINT_SCHEMA", "TABLE_NAME")),
    Catalog("check", "information_schema.check_constraints", ("CONSTRAINT_SCHEMA", "CONSTRAINT_NAME")),
    Catalog("partitions", "information_schema.partitions", _TABLE, "partition_name IS NOT NULL"),
    Catalog("view", "information_schema.views", _TABLE),
    Catalog("trigger", "information_schema.triggers", ("TRIGGER_SCHEMA", "TRIGGER_NAME")),
    Catalog("routine", "information_schema.routines", ("ROUTINE_SCHEMA", "ROUTINE_NAME")),
    Catalog("routine", "information_schema.parameters", ("SPECIFIC_SCHEMA", "SPECIFIC_NAME")),
    Catalog("event", "information_schema.events", ("EVENT_SCHEMA", "EVENT_NAME")),
    Catalog("user", "mysql.user", ("User", "Host")),
    Catalog("user", "mysql.password_history", ("User", "Host")),
    Catalog("grants", "mysql.db", ("User", "Host")),
    Catalog("grants", "mysql.tables_priv", ("User", "Host")),
    Catalog("grants", "mysql.columns_priv", ("User", "Host")),
    Catalog("grants", "mysql.procs_priv", ("User", "Host")),
    Catalog("grants", "mysql.proxies_priv", ("User", "Host")),
    Catalog("grants", "mysql.global_grants", ("USER", "HOST")),
    Catalog("grants", "mysql.role_edges", ("TO_USER", "TO_HOST")),
    Catalog("grants", "mysql.default_roles", ("USER", "HOST")),
    Catalog("extensions", "mysql.component", ()),
    Catalog("extensions", "mysql.plugin", ()),
    Catalog("extensions", "mysql.func", ()),
    Catalog("extensions", "mysql.servers", ()),
    Catalog("settings", "performance_schema.global_variables", (), f"variable_name IN ({_SETTINGS})"),
)

_ESTIMATED = "an estimate, made anew on each member"
_WHEN_MADE = "when this member made it, not what it is"
EXCLUDED = (
    ("options", "AUTO_INCREMENT", "has a part of its own, `sequence`"),
    *(
        (kind, column, _ESTIMATED)
        for kind in ("options", "partitions")
        for column in ("TABLE_ROWS", "AVG_ROW_LENGTH", "DATA_LENGTH", "MAX_DATA_LENGTH", "INDEX_LENGTH", "DATA_FREE")
    ),
    ("indexes", "CARDINALITY", _ESTIMATED),
    ("indexes", "NULLABLE", "told by `columns`; for an expression it follows the sql_mode of the session that made it"),
    (
        "event",
        "STATUS",
        "a replica says REPLICA_SIDE_DISABLED of enabled and disabled ones; `health` looks at the primary",
    ),
    ("grants", "Timestamp", _WHEN_MADE),
    ("grants", "Grantor", "who gave it; a replica notes its own applier"),
    *(
        (kind, column, _WHEN_MADE)
        for kind in ("options", "partitions")
        for column in ("CREATE_TIME", "UPDATE_TIME", "CHECK_TIME")
    ),
    *((kind, "CREATED", _WHEN_MADE) for kind in ("trigger", "routine", "event")),
    *((kind, "LAST_ALTERED", _WHEN_MADE) for kind in ("routine", "event")),
    ("event", "LAST_EXECUTED", "when it ran last, not what it is"),
    ("event", "ORIGINATOR", "the server_id of the member that made it"),
    ("extensions", "component_id", "counted anew on each server"),
    ("extensions", "component_group_id", "counted anew on each server"),
)
"""(kind, column, reason) of all that may differ between members, or after a faithful restore. The only other
exclusions are the ledger's rows and its sequence, which the drill itself goes on writing, and what no catalog above
tells: statistics (histograms among them), which are estimates too."""


def catalog(sql: Cursor) -> Digest:
    """One part for each object and account."""
    sql.execute("SET SESSION information_schema_stats_expiry = 0")  # or AUTO_INCREMENT may be a day old
    excluded = {(kind, column) for kind, column, _ in EXCLUDED}
    lines: dict[str, list[str]] = defaultdict(list)
    for source in CATALOGS:
        sql.execute(source.query)
        names = [str(column[0]) for column in sql.description or ()]
        for values in sql.fetchall():
            row = dict(zip(names, values, strict=True))
            told = {name: value for name, value in row.items() if (source.kind, name) not in excluded}
            lines[source.part(row)].append(f"{source.source} {told!r}")
    lines.pop(f"sequence {LEDGER}", None)
    return {part: Part(len(told), _hash(told)) for part, told in lines.items()}


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()[:32]
