"""Digests everything of a MySQL server that is not rows, from its own catalogs.

All columns of a catalog are compared, except `EXCLUDED`, so also those that a later version of MySQL adds. Catalogs of
one kind share their parts: `grants app@%` has rows of seven tables. The server's own objects, in the schemas `mysql`
and `sys`, are one part of each kind: `view sys`.

Settings and channels belong to a member (`core.model.OWN`): they are compared with those of the same member before,
not with other members.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pymysql.cursors import Cursor

from harness.core.bank_workload import TABLES
from harness.core.model import OWN, Digest, Part
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

NO_ROWS = "('information_schema', 'mysql', 'performance_schema', 'sys')"
"""Schemas whose rows are not compared, except `SYSTEM_ROWS`."""

_NO_OBJECTS = "('information_schema', 'performance_schema')"  # the server creates them at each start
_SYSTEM = ("mysql", "sys")


@dataclass(frozen=True)
class Catalog:
    """A catalog with parts of one kind. `named_by` are the columns with the object's name."""

    kind: str
    source: str
    named_by: tuple[str, ...]
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


VIEWS = "information_schema.views"
_TABLE = ("TABLE_SCHEMA", "TABLE_NAME")
_CONSTRAINT = ("CONSTRAINT_SCHEMA", "TABLE_NAME")
_ATTRIBUTES = "COALESCE(engine_attribute, secondary_engine_attribute) <> ''"
_EVENT_STATUS = "event_schema, event_name, status"

CATALOGS = (
    Catalog("database", "information_schema.schemata", ("SCHEMA_NAME",)),
    Catalog("database", "information_schema.schemata_extensions", ("SCHEMA_NAME",)),
    Catalog("options", "information_schema.tables", _TABLE, "table_type = 'BASE TABLE'"),
    Catalog("options", "information_schema.tables_extensions", _TABLE, _ATTRIBUTES),
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
    Catalog("constraints", "information_schema.referential_constraints", _CONSTRAINT),
    Catalog("constraints", "information_schema.table_constraints_extensions", _CONSTRAINT, _ATTRIBUTES),
    Catalog("check", "information_schema.check_constraints", ("CONSTRAINT_SCHEMA", "CONSTRAINT_NAME")),
    Catalog("partitions", "information_schema.partitions", _TABLE, "partition_name IS NOT NULL"),
    Catalog("view", VIEWS, _TABLE),
    *(
        Catalog("view", f"information_schema.json_duality_view{what}", _TABLE, newer=True)
        for what in ("s", "_columns", "_links", "_tables")
    ),
    Catalog("trigger", "information_schema.triggers", ("TRIGGER_SCHEMA", "TRIGGER_NAME")),
    Catalog("routine", "information_schema.routines", ("ROUTINE_SCHEMA", "ROUTINE_NAME")),
    Catalog("routine", "information_schema.parameters", ("SPECIFIC_SCHEMA", "SPECIFIC_NAME")),
    Catalog("routine", "information_schema.routine_libraries", ("ROUTINE_SCHEMA", "ROUTINE_NAME"), newer=True),
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
    Catalog("extensions", "information_schema.plugins", (), "TRUE", "plugin_name, plugin_status, plugin_type"),
    Catalog("library", "information_schema.libraries", ("LIBRARY_SCHEMA", "LIBRARY_NAME"), newer=True),
    Catalog("resource group", "information_schema.resource_groups", ("RESOURCE_GROUP_NAME",)),
    Catalog("tablespace", "information_schema.innodb_tablespaces", ("NAME",), "space_type = 'General'"),
    Catalog("tablespace", "information_schema.tablespaces_extensions", ("TABLESPACE_NAME",), "engine_attribute <> ''"),
    Catalog(f"{OWN}setting", "performance_schema.global_variables", ("VARIABLE_NAME",)),
    Catalog(
        f"{OWN}setting",
        "performance_schema.global_status",
        ("VARIABLE_NAME",),
        "variable_name = 'Innodb_redo_log_enabled'",  # SQL can switch it off, and no variable shows that
    ),
    Catalog(f"{OWN}persisted setting", "performance_schema.persisted_variables", ("VARIABLE_NAME",)),
    Catalog(f"{OWN}channel", "performance_schema.replication_connection_configuration", ("CHANNEL_NAME",)),
    Catalog(f"{OWN}channel", "performance_schema.replication_applier_configuration", ("CHANNEL_NAME",)),
    Catalog(f"{OWN}channel", "mysql.replication_asynchronous_connection_failover", ("Channel_name",)),
    Catalog(f"{OWN}channel", "mysql.replication_asynchronous_connection_failover_managed", ("Channel_name",)),
    Catalog(f"{OWN}group action", "mysql.replication_group_member_actions", ("name",)),
)

PRIMARY = (Catalog(f"{OWN}event", "information_schema.events", ("EVENT_SCHEMA", "EVENT_NAME"), "TRUE", _EVENT_STATUS),)
"""Read on the primary only: replicas have other values."""

_FILE = tomllib.loads(Path(__file__).with_name("catalogs.toml").read_text("utf-8"))
UNREAD: Mapping[str, str] = _FILE["unread"]
"""Relations, or columns of them, that no catalog above reads, and why."""
EXCLUDED = (
    *((*name.split(": "), why) for name, why in _FILE["excluded"].items()),
    *((kind, LEDGER, "the drill's own writes; the ledger's checks compare its rows") for kind in ("table", "sequence")),
    *(("table", name, "changed by these writes; `transfers-whole` compares them") for name in ACCOUNTS),
)
"""(kind, or one part of it; name; reason) of what may differ between members, or after a correct restore. The name is
that of a catalog's column, of a table for its rows or sequence, or of a setting."""

_EXCLUDED = frozenset((kind, name) for kind, name, _ in EXCLUDED)


def counts(kind: str, name: str) -> bool:
    """Whether this is compared."""
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
            if source.source == VIEWS:
                lines[part].append(_algorithm(sql, row))
    return {part: Part(len(told), _hash(told)) for part, told in lines.items()}


def _algorithm(sql: Cursor, view: Mapping[str, object]) -> str:
    """The algorithm of a view, which no catalog shows."""
    schema, name = (str(view[column]).replace("`", "``") for column in _TABLE)
    sql.execute(f"SHOW CREATE VIEW `{schema}`.`{name}`")
    statement = "".join(str(created) for _, created, *_ in sql.fetchall())
    return "".join(re.findall(r"^CREATE (ALGORITHM=\w+) ", statement))


def _has(sql: Cursor, source: str) -> bool:
    sql.execute(
        "SELECT 1 FROM information_schema.tables WHERE LOWER(CONCAT(table_schema, '.', table_name)) = %s", (source,)
    )
    return bool(sql.fetchall())


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()[:32]
