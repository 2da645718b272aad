"""Every relation and column of a server's own catalogs is compared, or excluded with a reason: on each version.

The files in `catalogs` are what a server of that version lists, one line for each relation. PostgreSQL: pg_class and
pg_attribute, in pg_catalog and information_schema. MySQL and MariaDB: information_schema.columns. Consul: what
agent/http_register.go of its source registers, and the kinds of agent/structs/config_entry.go.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from harness.workloads.mariadb.catalog import MARIADB
from harness.workloads.mysql.catalog import MYSQL, Dialect
from harness.workloads.postgres import catalog as postgres
from harness.workloads.postgres import digest as postgres_digest

CATALOGS = Path(__file__).with_name("catalogs")
Catalogs = Mapping[str, Sequence[str]]


def recorded(version: str) -> Catalogs:
    """The columns of each relation of one version."""
    lines = (CATALOGS / f"{version}.txt").read_text().splitlines()
    return {name: columns.split() for name, _, columns in (line.partition(": ") for line in lines)}


def versions(store: str) -> list[str]:
    found = sorted(path.stem for path in CATALOGS.glob(f"{store}-*.txt"))
    assert found
    return found


def names(catalogs: Catalogs) -> list[str]:
    return [f"{relation}.{column}" for relation, columns in catalogs.items() for column in columns]


def forgotten(catalogs: Catalogs, compared: Collection[str], excluded: Iterable[str]) -> list[str]:
    """The columns that are neither compared nor excluded; a relation is excluded with all of its columns."""
    patterns = [pattern for name in excluded for pattern in (name, f"{name}.*")]
    left = (name for name in names(catalogs) if name not in compared)
    return [name for name in left if not any(fnmatchcase(name, pattern) for pattern in patterns)]


def unmatched(store: str, patterns: Iterable[str]) -> list[str]:
    """The patterns that no relation or column of any version matches."""
    known = {name for version in versions(store) for name in (*recorded(version), *names(recorded(version)))}
    return [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in known)]


def compared_in_postgres(catalogs: Catalogs, version: str = "postgres-17") -> set[str]:
    """The columns that a query reads. PostgreSQL names the columns of each catalog with a prefix of its own."""
    asked = postgres.of_version(int(version.rpartition("-")[2]))
    queries = (*asked.database, *asked.server, *asked.own, asked.relations)
    text = re.sub(r"--.*", "", "\n".join((*queries, postgres_digest._LARGE_OBJECTS.string)))
    words = set(re.findall(r"\w+", text))
    whole = {relation for relation, name in re.findall(r"FROM (\w+) (\w)\b", text) if f"row({name}.*)" in text}
    printed = [column for function, columns in postgres.PRINTED_BY.items() if function in words for column in columns]
    return {
        name
        for name in names(catalogs)
        for relation, _, column in (name.rpartition("."),)
        if relation in {*postgres.COMPARED, *whole}
        or {relation, column} <= words
        or any(fnmatchcase(name, pattern) for pattern in printed)
    }


DIALECTS = {"mysql": MYSQL, "mariadb": MARIADB}


def compared_in_mysql(catalogs: Catalogs, dialect: Dialect = MYSQL) -> set[str]:
    """The columns of the catalogs that are read, and of the server's own tables whose rows are."""
    read = {f"{schema}.{table}".lower(): "*" for schema, table in dialect.system_rows}
    for source in (*dialect.primary, *dialect.catalogs):
        read[source.source] = f"{read.get(source.source, '')} {source.columns}"
    return {
        name
        for name in names(catalogs)
        for relation, _, column in (name.rpartition("."),)
        if "*" in read.get(relation, "") or column.lower() in read.get(relation, "").lower().split(", ")
    }


@pytest.mark.parametrize("version", versions("postgres"))
def test_everything_of_postgres_is_compared_or_excluded(version: str) -> None:
    catalogs = recorded(version)
    assert forgotten(catalogs, compared_in_postgres(catalogs, version), postgres.EXCLUDED) == []


@pytest.mark.parametrize("version", [*versions("mysql"), *versions("mariadb")])
def test_everything_of_mysql_and_mariadb_is_compared_or_excluded(version: str) -> None:
    catalogs = {name.lower(): columns for name, columns in recorded(version).items()}
    dialect = DIALECTS[version.partition("-")[0]]
    assert forgotten(catalogs, compared_in_mysql(catalogs, dialect), dialect.unread) == []


def test_a_relation_or_column_of_a_later_version_is_noticed() -> None:
    assert forgotten({"pg_new": ["oid", "newname"]}, (), postgres.EXCLUDED) == ["pg_new.newname"]
    catalogs = {"pg_proc": ["pronew", "proacl", "prosrc"], "pg_class": ["relnew", "relname"]}
    assert forgotten(catalogs, compared_in_postgres(catalogs), postgres.EXCLUDED) == ["pg_class.relnew"]
    catalogs = {"mysql.user": ["new"], "mysql.new": ["user"], "mysql.gtid_executed": ["new"]}
    assert forgotten(catalogs, compared_in_mysql(catalogs), MYSQL.unread) == ["mysql.new.user"]


def test_nothing_is_excluded_that_no_version_has() -> None:
    plain = [name.partition("=")[0] for name in postgres.EXCLUDED]
    printed = [column for columns in postgres.PRINTED_BY.values() for column in columns]
    assert unmatched("postgres", [*plain, *printed, *postgres.COMPARED]) == []


@pytest.mark.parametrize("store", DIALECTS)
def test_nothing_of_mysql_and_mariadb_is_excluded_that_no_version_has(store: str) -> None:
    dialect = DIALECTS[store]
    assert unmatched(store, dialect.unread) == []
    columns = {column.lower() for each in versions(store) for all_ in recorded(each).values() for column in all_}
    excluded = {name for kind, name, _ in dialect.excluded if kind not in ("table", "sequence", "own setting")}
    assert {name for name in excluded if name.lower() not in columns} == set()
