"""Whether an index is held against its table, and what is made of one that is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, cast

import psycopg2
import pymysql
import pytest
from in_memory import MemoryStore, World, run_in_memory
from psycopg2.extensions import connection
from pymysql.cursors import Cursor

from harness.checks.data import indexes_consistent
from harness.core.errors import ToolFailed, Unreadable
from harness.core.model import Verdict
from harness.core.ports import Indexed
from harness.evidence.run_directory import Run
from harness.workloads.consul.adapter import Consul
from harness.workloads.mysql import indexes as mysql_indexes
from harness.workloads.mysql.adapter import MySQL
from harness.workloads.mysql.catalog import MYSQL
from harness.workloads.mysql.indexes import Index
from harness.workloads.postgres import indexes as postgres_indexes
from harness.workloads.postgres.adapter import Postgres

# --- MySQL


class MySQLServer:
    """Answers by the first of `answers` whose key is in the statement; what it does not know has no rows."""

    def __init__(self, answers: Mapping[str, object], warnings: int = 0) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.warning_count = warnings

    def execute(self, statement: str) -> None:
        self.asked.append(statement)
        self.description = [(name,) for name in EXPLAINED] if statement.startswith("EXPLAIN") else None

    def fetchall(self) -> Sequence[tuple[object, ...]]:
        answer = next((said for key, said in self.answers.items() if key in self.asked[-1]), [])
        if isinstance(answer, Exception):
            raise answer
        return cast("Sequence[tuple[object, ...]]", answer)

    def fetchone(self) -> tuple[object, ...] | None:
        return next(iter(self.fetchall()), None)


COLUMNS = [
    ("shop.item", "PRIMARY", "id", "int", "NO", "", 1),
    ("shop.item", "by_name", "name", "varchar", "YES", "utf8mb4", 1),
]
EXPLAINED = [
    "id",
    "select_type",
    "table",
    "partitions",
    "type",
    "possible_keys",
    "key",
    "key_len",
    "ref",
    "rows",
    "filtered",
    "Extra",
]
PLAN = (1, "SIMPLE", "item", None, "index", None, "by_name", "9", None, 3, 100.0, "Using index")
SOUND: dict[str, object] = {
    "@@hostname": [("db-0",)],
    "information_schema.statistics": COLUMNS,
    "EXPLAIN": [PLAN],
    "FORCE INDEX (`by_name`)": [(3, "ff")],
    "USE INDEX ()": [(3, "ff")],
}


def wrong(**answers: object) -> Mapping[str, str]:
    named = {"index": "FORCE INDEX (`by_name`)", "table": "USE INDEX ()", "columns": "information_schema.statistics"}
    server = MySQLServer(SOUND | {named[name]: answer for name, answer in answers.items()})
    return mysql_indexes.check_indexes(cast("Cursor", server)).wrong


def test_an_index_that_has_what_its_table_has_is_sound() -> None:
    read = mysql_indexes.check_indexes(cast("Cursor", MySQLServer(SOUND)))
    assert (read.answered_by, read.held, read.wrong) == ("db-0", 1, {})


def test_what_check_table_says_against_a_table_is_told() -> None:
    tables = {"information_schema.tables": [("shop.item",)]}
    sound = {"CHECK TABLE `shop`.`item`": [("shop.item", "check", "status", "OK")]}
    assert mysql_indexes.check_indexes(cast("Cursor", MySQLServer(tables | sound | SOUND))).wrong == {}
    not_sound = [("shop.item", "check", "Warning", "too few"), ("shop.item", "check", "error", "Corrupt")]
    read = mysql_indexes.check_indexes(cast("Cursor", MySQLServer(tables | SOUND | {"CHECK TABLE": not_sound})))
    assert read.wrong == {"shop.item": "is not sound: too few; Corrupt"}


def test_what_is_known_to_be_wrong_is_not_asked_for_again() -> None:
    server = MySQLServer(SOUND | {"USE INDEX ()": [(4, "ff")]})
    assert mysql_indexes.check_indexes(cast("Cursor", server)).wrong
    assert not any("CHECK TABLE" in asked for asked in server.asked)


def test_index_and_table_are_read_at_the_same_moment() -> None:
    server = MySQLServer(SOUND)
    mysql_indexes.check_indexes(cast("Cursor", server))
    begun, ended = (
        server.asked.index("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"),
        server.asked.index("COMMIT"),
    )
    read = [at for at, asked in enumerate(server.asked) if "COUNT(*)" in asked]
    assert read
    assert all(begun < at < ended for at in read)


def test_an_index_with_other_entries_than_its_table_calls_for_is_named() -> None:
    assert wrong(index=[(2, "fe")]) == {"shop.item.by_name": "has 2 entries for 3 rows"}
    assert wrong(index=[(3, "fe")]) == {"shop.item.by_name": "has entries that no row has"}


def test_only_what_entries_have_whole_is_hashed_and_that_they_differ_is_not_taken_for_granted() -> None:
    def found(*rows: tuple[object, ...]) -> list[tuple[str, list[str], bool]]:
        server = MySQLServer({"information_schema": rows})
        read = mysql_indexes.indexes(cast("Cursor", server))
        return [(index.name, [column.name for column in index.columns], index.keyed) for index in read]

    key, name = COLUMNS
    prefix = ("shop.item", "by_start", "name", "varchar", "YES", "utf8mb4", 0)
    expression = ("shop.item", "by_lower", None, None, None, "", 1)
    assert found(key, name, prefix, expression) == [
        ("by_name", ["name", "id"], True),
        ("by_start", ["id"], True),
        ("by_lower", ["id"], True),
    ]
    assert found(name) == [("by_name", ["name"], False)]
    assert found((*key[:-1], 0), name) == [("by_name", ["name"], False)]


def test_an_index_that_is_not_read_by_itself_is_not_asked() -> None:
    for at, value in ((4, "ALL"), (6, "PRIMARY"), (11, "Using where")):
        plan = (*PLAN[:at], value, *PLAN[at + 1 :])
        with pytest.raises(ToolFailed, match=r"index shop\.item\.by_name"):
            mysql_indexes.check_indexes(cast("Cursor", MySQLServer(SOUND | {"EXPLAIN": [plan]})))


def test_the_index_that_could_not_be_read_is_named_with_the_servers_own_error() -> None:
    error = pymysql.OperationalError(1712, "Index by_name is corrupted")
    with pytest.raises(ToolFailed, match=r"index shop\.item\.by_name: \(1712") as raised:
        wrong(index=error)
    assert raised.value.__cause__ is error


def test_a_warning_is_no_reading() -> None:
    with pytest.raises(ToolFailed, match=r"table shop\.item"):
        mysql_indexes.check_indexes(cast("Cursor", MySQLServer(SOUND, warnings=1)))


def test_equal_entries_of_a_table_without_a_key_do_not_cancel_each_other_out() -> None:
    assert "SUM(" in Index("s.t", "i", (), keyed=False).total(MYSQL)
    assert "BIT_XOR(" in Index("s.t", "i", (), keyed=True).total(MYSQL)


# --- PostgreSQL


class Broken(psycopg2.Error):
    """An error with a code."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def pgcode(self) -> str:  # type: ignore[override] # the driver sets its own
        return self.code


class PostgresServer:
    """One connection and its cursor. `extensions` are by database; an index in `broken` raises when it is asked."""

    def __init__(
        self, extensions: Mapping[str, Sequence[str]], broken: Mapping[int, Broken] | None = None, name: str = ""
    ) -> None:
        self.extensions, self.broken, self.name = extensions, broken or {}, name
        self.asked: list[int] = []
        self.rows: list[tuple[object, ...]] = []

    @contextmanager
    def connect(self, name: str) -> Iterator[connection]:
        self.name = name
        yield cast("connection", self)

    def set_session(self, **how: object) -> None:
        assert how == {"isolation_level": "READ COMMITTED", "readonly": True, "autocommit": True}

    def cursor(self) -> PostgresServer:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        return iter(self.rows)

    def execute(self, statement: object, parameters: Sequence[int] = ()) -> None:
        text = str(statement)
        if parameters:
            self.asked += parameters
            if error := self.broken.get(parameters[0]):
                raise error
        elif "datname" in text:
            self.rows = [("keycloak",), ("other",)]
        elif "hostname" in text:
            self.rows = [("pg-0",)]
        elif "pg_extension" in text:
            self.rows = [(extension, "drillproof") for extension in self.extensions.get(self.name, ())]
        elif "pg_index" in text:
            self.rows = [(1, "public.tree", True), (2, "public.words", False)]

    def fetchall(self) -> list[tuple[object, ...]]:
        return self.rows


BOTH = ("amcheck", "pg_prewarm")


def test_every_index_is_asked_where_the_extensions_are_and_none_where_they_are_not() -> None:
    for extensions, asked in (
        ({"keycloak": BOTH, "other": BOTH}, [1, 2, 1, 2]),
        ({"keycloak": BOTH}, [1, 2]),
        ({"keycloak": ("amcheck",)}, [1]),
        ({"keycloak": ("pg_prewarm",)}, []),
    ):
        server = PostgresServer(extensions)
        read = postgres_indexes.check_indexes(server.connect)
        assert (server.asked, read.held, read.answered_by, read.wrong) == (asked, len(asked), "pg-0", {})


def test_a_damaged_index_is_named_and_the_others_are_asked_still() -> None:
    lacks, cut = Broken("XX002", "lacks matching index tuple"), Broken("XX001", "invalid page")
    read = postgres_indexes.check_indexes(PostgresServer({"keycloak": BOTH, "other": BOTH}, {1: lacks, 2: cut}).connect)
    assert read.wrong == {
        "public.tree": "is damaged: lacks matching index tuple",
        "public.words": "is damaged: invalid page",
        "database other: public.tree": "is damaged: lacks matching index tuple",
        "database other: public.words": "is damaged: invalid page",
    }


def test_an_index_that_could_not_be_asked_is_no_sound_one() -> None:
    with pytest.raises(psycopg2.Error, match="gone"):
        postgres_indexes.check_indexes(PostgresServer({"keycloak": BOTH}, {1: Broken("08006", "gone")}).connect)


# --- what a drill makes of it


def test_which_stores_keep_indexes() -> None:
    assert [issubclass(store, Indexed) for store in (MySQL, Postgres, Consul)] == [True, True, False]


class Keyed(MemoryStore):
    """A store without indexes."""

    indexes = None  # type: ignore[assignment] # it has no such power


def test_a_store_without_indexes_is_not_asked_and_has_no_finding(tmp_path: Path) -> None:
    world = World()
    run = Run(run_in_memory(tmp_path, world, (MemoryStore("mysql", world), Keyed("consul", world))).run)
    assert {finding.store for finding in indexes_consistent(run)} == {"mysql"}
    assert {finding.verdict for finding in indexes_consistent(run)} == {Verdict.PASS}
    assert not run.of("unread", what="indexes")


def test_a_drill_that_does_not_say_which_stores_have_indexes_is_not_judged(tmp_path: Path) -> None:
    world = World()
    run = Run(run_in_memory(tmp_path, world, (MemoryStore("mysql", world),)).run)
    for said in (None, ["postgres"], "mysql"):
        vars(run)["facts"] = {**run.facts, "indexed": said}
        with pytest.raises(Unreadable, match="which stores have indexes"):
            indexes_consistent(run)
