"""What of MySQL's adapter can be judged without a server."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Self, cast

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from bench.mysql_bench import seconds
from harness.core.errors import ToolFailed
from harness.core.model import Health, Operation, Part, Row
from harness.core.ports import Corrupt, Refused, Unanswered
from harness.core.reason import Reason
from harness.workloads.mysql import reference_digest
from harness.workloads.mysql.adapter import MySQL
from harness.workloads.mysql.catalog import MYSQL, catalog
from harness.workloads.mysql.corruption import is_damage, line_of_corruption, raise_corrupt
from harness.workloads.mysql.digest import (
    ALL,
    Column,
    Slice,
    Table,
    digest,
    quoted_table,
    read,
    row_bytes,
    rows,
    slices,
    tables,
)
from harness.workloads.mysql.health import primary_health, replica_health
from harness.workloads.mysql.load import field, line, load, statement
from harness.workloads.mysql.writer import MySQLWriter, is_refusal, transaction
from harness.workloads.sql_store import chunks, part_name, write

UNESCAPED = {b"t": b"\t", b"n": b"\n", b"0": b"\0", b"\\": b"\\"}


class Server:
    """Answers each statement with the next of `answers`, and keeps what it was asked."""

    def __init__(self, *answers: Sequence[tuple[object, ...]], found: int = 0, warnings: int = 0) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.found = found
        self.warning_count = warnings
        self.description: tuple[tuple[str], ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def cursor(self) -> Server:
        return self

    def execute(self, text: str, parameters: object = None) -> int:
        self.asked.append(text)
        return self.found

    def fetchone(self) -> tuple[object, ...]:
        return self.fetchall()[0]

    def fetchall(self) -> Sequence[tuple[object, ...]]:
        return self.answers.pop(0) if self.answers else ()


def sql(server: object) -> Cursor:
    return cast("Cursor", server)


# --- loading


def as_load_data_reads(text: bytes) -> bytes:
    out, at = b"", 0
    while at < len(text):
        if text[at : at + 1] == b"\\":
            out += UNESCAPED[text[at + 1 : at + 2]]
            at += 2
        else:
            out += text[at : at + 1]
            at += 1
    return out


@given(st.binary())
def test_bytes_come_back_as_they_were(value: bytes) -> None:
    written = field(value)
    assert as_load_data_reads(written) == value
    assert not set(b"\t\n\0") & set(written)


@given(st.text())
def test_text_comes_back_as_utf_8(value: str) -> None:
    assert as_load_data_reads(field(value)).decode() == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, b"\\N"),
        ("", b""),
        ("\\N", b"\\\\N"),  # the text, which is not NULL
        (True, b"1"),
        (False, b"0"),
        (-7, b"-7"),
        (0.1, b"0.1"),
        (Decimal("12.340000"), b"12.340000"),
        (date(2024, 2, 29), b"2024-02-29"),
        (datetime(2024, 2, 29, 1, 2, 3, 4), b"2024-02-29 01:02:03.000004"),  # noqa: DTZ001 # a DATETIME has no zone
        (datetime(2024, 2, 29, 1, 0, 0, tzinfo=timezone(timedelta(hours=2))), b"2024-02-28 23:00:00"),
        (datetime(2024, 2, 29, 1, 0, 0, tzinfo=UTC), b"2024-02-29 01:00:00"),
        ({"a": ["\n", "é"]}, '{"a":["\\\\n","é"]}'.encode()),
    ],
)
def test_values_are_written_as_load_data_reads_them(value: object, written: bytes) -> None:
    assert field(value) == written


def test_chunks_are_cut_between_rows_and_lose_none() -> None:
    rows = [(n, "x" * 10) for n in range(10)]
    made = list(chunks(map(line, rows), chunk_bytes=30))
    assert len(made) == 4
    assert sum(map(len, made)) == 10
    assert b"".join(line for chunk in made for line in chunk) == b"".join(
        b"%d\t%s\n" % (n, x.encode()) for n, x in rows
    )


def test_chunks_take_only_the_lines_they_need() -> None:
    taken = itertools.count()
    next(chunks((b"%d" % next(taken) for _ in itertools.repeat(None)), chunk_bytes=100))
    assert next(taken) < 100


def test_only_columns_of_another_character_set_are_converted() -> None:
    text = statement(Path("/f"), "shop.order", ("id", "note"), frozenset({"note"}))
    assert "INTO TABLE `shop`.`order` CHARACTER SET binary" in text
    assert text.endswith("(`id`, @c1) SET `note` = CONVERT(@c1 USING utf8mb4)")


@pytest.mark.parametrize(("found", "warnings"), [(1, 0), (2, 1)])
def test_a_row_that_load_data_skipped_or_changed_is_an_error(found: int, warnings: int) -> None:
    server = cast("Connection[Cursor]", Server(found=found, warnings=warnings))
    with pytest.raises(ToolFailed, match=f"{found} of 2 rows"):
        load(server, "shop.order", ("id",), [(1,), (2,)])


# --- digest

BEFORE = "CONCAT(CAST('' AS BINARY), _binary 0xFF, "


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (Column("n", "int", nullable=False, charset=""), "`n`"),
        (Column("n", "int", nullable=True, charset=""), "IFNULL(`n`, CAST(0xFE AS BINARY))"),
        (Column("t", "varchar", nullable=False, charset="utf8mb4"), "`t`"),
        (Column("t", "varchar", nullable=False, charset="latin1"), "LENGTH(`t`), _binary 0xFF, `t`"),
        (
            Column("b", "blob", nullable=True, charset=""),
            "IFNULL(LENGTH(`b`), CAST(0xFE AS BINARY)), _binary 0xFF, IFNULL(`b`, CAST('' AS BINARY))",
        ),
        (Column("f", "float", nullable=False, charset=""), "CAST(`f` AS DOUBLE)"),
        (Column("e", "enum", nullable=False, charset="utf8mb4"), "CAST(`e` AS UNSIGNED)"),
        (Column("v", "a type of tomorrow", nullable=False, charset=""), "HEX(`v`)"),
        (Column("a`b", "int", nullable=False, charset=""), "`a``b`"),
    ],
)
def test_a_column_is_told_without_ambiguity(column: Column, value: str) -> None:
    assert row_bytes([column]) == f"{BEFORE}{value})"


def test_every_value_has_the_byte_that_parts_it_from_the_one_before() -> None:
    columns = [Column(name, "int", nullable=False, charset="") for name in "ab"]
    assert row_bytes(columns) == f"{BEFORE}`a`, _binary 0xFF, `b`)"


COLUMN = Column("b", "longblob", nullable=False, charset="")


def test_a_digest_with_a_warning_is_no_digest() -> None:
    whole = Slice(Table("s.t", (COLUMN,), keyed=True))
    assert rows(sql(Server([(3, "ff")])), whole).hash == "ff"
    with pytest.raises(ToolFailed, match=r"s\.t"):
        rows(sql(Server([(3, "ff")], [("Warning", 1301, "truncated")], warnings=1)), whole)


@pytest.mark.parametrize(("keyed", "sums"), [(True, False), (False, True)])
def test_equal_rows_do_not_cancel_each_other_out_where_there_may_be_any(keyed: bool, sums: bool) -> None:
    server = Server([(3, Decimal(255))])
    rows(sql(server), Slice(Table("s.t", (COLUMN,), keyed=keyed)))
    assert ("SUM(" in server.asked[0]) is sums
    assert ("BIT_XOR(" in server.asked[0]) is not sums


def test_a_table_is_keyed_by_one_column_of_its_key_and_the_ledger_is_not_read() -> None:
    told_of = [
        ("shop.item", "id", "int", "NO", "", 1, 9000, 1, ""),
        ("shop.item", "name", "varchar", "YES", "utf8mb4", 0, 9000, 0, ""),
        ("shop.day", "at", "datetime", "NO", "", 1, 9000, 1, ""),  # a value that might not come back as it went
        ("shop.few", "id", "int", "NO", "", 1, 0, 1, ""),
        ("shop.log", "line", "text", "YES", "utf8mb4", 0, 9000, 0, ""),
        ("drillproof.ledger", "id", "bigint", "NO", "", 1, 9000, 1, ""),
        ("drillproof.savings", "id", "int", "NO", "", 1, 0, 1, ""),
    ]
    assert [(t.name, len(t.columns), t.keyed, t.halved_by) for t in tables(sql(Server(told_of)))] == [
        ("shop.item", 2, True, "id"),
        ("shop.day", 1, True, ""),
        ("shop.few", 1, True, ""),
        ("shop.log", 1, False, ""),
    ]


LARGE = Table("s.t%", (COLUMN,), keyed=True, halved_by="i%", about_rows=10)


def test_a_large_table_is_read_in_halves_that_are_all_of_it() -> None:
    server = Server([(7,)])
    assert [(part.where, part.values) for part in slices(sql(server), LARGE)] == [
        ("FORCE INDEX (PRIMARY) WHERE `i%%` < %s", (7,)),
        ("FORCE INDEX (PRIMARY) WHERE `i%%` >= %s", (7,)),
    ]
    assert server.asked == ["SELECT `i%` FROM `s`.`t%` ORDER BY `i%` LIMIT 1 OFFSET 5"]


def test_a_table_with_fewer_rows_than_the_server_thought_is_read_whole() -> None:
    class Empty(Server):
        def fetchone(self) -> None:  # type: ignore[override] # there is no such row
            return None

    assert [part.where for part in slices(sql(Empty()), LARGE)] == [ALL]


def test_halves_together_are_the_whole_whoever_reads_them() -> None:
    def answers(hash_of_one: str, hash_of_other: str) -> Part:
        first = Server([(7,)], [(3, hash_of_one)], [(4, hash_of_other)])
        return read((sql(first),), [LARGE])["s.t%"]

    assert answers("0f", "f0") == answers("f0", "0f") == Part(7, f"{0xFF:032x}")
    assert answers("0f", "f1") != answers("f0", "0f")


def test_a_name_with_a_percent_sign_is_not_taken_for_the_place_of_a_value() -> None:
    server = Server([(3, "ff")])
    half, _ = slices(sql(Server([(7,)])), LARGE)
    rows(sql(server), half)
    assert (server.asked[0] % half.values).endswith("FROM `s`.`t%` FORCE INDEX (PRIMARY) WHERE `i%` < 7")


@pytest.mark.parametrize("names", [("shop.eu", "item"), ("shop", "eu.item"), ('a"b', "c`d"), ("s", "t%")])
def test_a_dot_in_a_name_does_not_split_it_elsewhere(names: tuple[str, str]) -> None:
    quoted = ".".join("`" + name.replace("`", "``") + "`" for name in names)
    assert quoted_table(part_name(*names)) == quoted
    trigger = CatalogServer("information_schema.triggers", TRIGGER_SCHEMA=names[0], TRIGGER_NAME=names[1])
    assert list(catalog(sql(trigger), primary=False)) == [f"trigger {part_name(*names)}"]


def test_a_views_algorithm_counts_though_no_catalog_has_it() -> None:
    class WithView(CatalogServer):
        algorithm = "MERGE"

        def fetchall(self) -> Sequence[tuple[object, ...]]:
            if self.asked[-1] == "SHOW CREATE VIEW `shop`.`of``late`":
                return [("of`late", f"CREATE ALGORITHM={self.algorithm} DEFINER=`a`@`b` VIEW ...", "utf8mb4", "x")]
            return super().fetchall()

    def told(algorithm: str) -> object:
        server = WithView("information_schema.views", TABLE_SCHEMA="shop", TABLE_NAME="of`late")
        server.algorithm = algorithm
        return catalog(sql(server), primary=False)

    assert told("MERGE") == told("MERGE") != told("TEMPTABLE")


def test_rows_are_read_from_the_table_though_an_index_may_have_all_of_them() -> None:
    server = Server([(3, "ff")])
    read((sql(server),), [Table("s.t", (COLUMN,), keyed=True)])
    assert server.asked[0].endswith("FROM `s`.`t` USE INDEX ()")


def test_a_view_takes_no_hint() -> None:
    server = Server([(3, "ff")])
    read((sql(server),), [Table("information_schema.t", (COLUMN,), keyed=False)])
    assert server.asked[0].endswith("FROM `information_schema`.`t` ")


def test_who_answered_is_asked_on_the_connections_that_digest() -> None:
    hosts = iter(("db-1", "db-0"))

    class Answers(Server):
        def __init__(self) -> None:
            super().__init__()
            self.host = next(hosts)

        def fetchall(self) -> Sequence[tuple[object, ...]]:
            return [(self.host,)] if self.asked[-1] == "SELECT @@hostname" else []

    assert digest(cast("Any", Answers), primary=False).answered_by == "db-0, db-1"


def test_the_bench_holds_each_digest_against_a_scan() -> None:
    server = Server([("shop.item", "id", "int", "NO", "", 1, 0, 1, "")], *([("shop.item", 1)], [(0, "00")]) * 2)
    taken = seconds(sql(server), sql(Server()), rounds=2)
    assert server.asked[2] == server.asked[4] == "CHECKSUM TABLE `shop`.`item`"
    assert taken["shop.item"].ratio > 0


class CatalogServer(Server):
    """Has one row in one catalog."""

    def __init__(self, source: str, **row: object) -> None:
        super().__init__()
        self.source, self.row = source, row

    def fetchall(self) -> Sequence[tuple[object, ...]]:
        self.description = tuple((name,) for name in self.row)
        there = f"FROM {self.source} " in self.asked[-1]
        return [tuple(self.row.values())] if there else []

    def execute(self, text: str, parameters: object = None) -> int:
        self.description = tuple((name,) for name in self.row)
        return super().execute(text, parameters)


def test_objects_and_accounts_are_named() -> None:
    trigger = CatalogServer("information_schema.triggers", TRIGGER_SCHEMA="shop", TRIGGER_NAME="stock")
    assert list(catalog(sql(trigger), primary=False)) == ["trigger shop.stock"]
    grant = CatalogServer("mysql.db", User="app", Host="%", Select_priv="Y")
    assert list(catalog(sql(grant), primary=False)) == ["grants app@%"]


def test_what_counts_changes_the_hash_and_what_is_excluded_does_not() -> None:
    def told(**row: object) -> object:
        server = CatalogServer("information_schema.triggers", TRIGGER_SCHEMA="shop", TRIGGER_NAME="stock", **row)
        return catalog(sql(server), primary=False)

    assert told(CREATED=1, ACTION_ORDER=1) == told(CREATED=2, ACTION_ORDER=1)
    assert told(CREATED=1, ACTION_ORDER=1) != told(CREATED=1, ACTION_ORDER=2)
    assert told(CREATED=1, NEW_IN_SOME_VERSION="a") != told(CREATED=1, NEW_IN_SOME_VERSION="b")


def test_the_ledgers_own_sequence_does_not_count() -> None:
    server = CatalogServer(
        "information_schema.tables", TABLE_SCHEMA="drillproof", TABLE_NAME="ledger", AUTO_INCREMENT=9
    )
    assert "sequence drillproof.ledger" not in catalog(sql(server), primary=True)


def test_every_exclusion_is_of_a_kind_that_exists_and_has_a_reason() -> None:
    kinds = {"table", *(source.kind for source in (*MYSQL.catalogs, *MYSQL.primary))}
    assert all(kind.removesuffix(" mysql") in kinds and reason for kind, _, reason in MYSQL.excluded)


def test_the_literals_of_the_servers_own_columns_are_let_be_and_those_of_others_are_not() -> None:
    def told(schema: str, charset: str) -> object:
        row = {"TABLE_SCHEMA": schema, "TABLE_NAME": "cost", "GENERATION_EXPRESSION": f"_{charset}'a'"}
        return catalog(sql(CatalogServer("information_schema.columns", **row)), primary=False)

    assert told("mysql", "utf8mb3") == told("mysql", "utf8mb4")
    assert told("shop", "utf8mb3") != told("shop", "utf8mb4")


def test_settings_are_a_members_own_but_for_those_that_name_a_data_directory() -> None:
    def parts(name: str) -> list[str]:
        server = CatalogServer("performance_schema.global_variables", VARIABLE_NAME=name, VARIABLE_VALUE="1")
        return list(catalog(sql(server), primary=False))

    assert parts("sync_binlog") == ["own setting sync_binlog"]
    assert parts("server_uuid") == parts("gtid_executed") == []


def test_whether_an_event_is_awake_is_told_by_the_primary_alone() -> None:
    def parts(*, primary: bool) -> dict[str, object]:
        server = CatalogServer("information_schema.events", EVENT_SCHEMA="shop", EVENT_NAME="tidy", STATUS="ENABLED")
        return dict(catalog(sql(server), primary=primary))

    assert list(parts(primary=True)) == ["event shop.tidy", "own event shop.tidy"]
    assert list(parts(primary=False)) == ["event shop.tidy"]


def test_what_the_server_brings_itself_is_one_part_of_each_kind() -> None:
    view = CatalogServer("information_schema.views", TABLE_SCHEMA="sys", TABLE_NAME="metrics")
    assert list(catalog(sql(view), primary=False)) == ["view sys"]


# --- the slow way


@given(st.lists(st.one_of(st.none(), st.binary(max_size=3))), st.lists(st.one_of(st.none(), st.binary(max_size=3))))
def test_different_rows_have_different_bytes(one: list[bytes | None], another: list[bytes | None]) -> None:
    assert (reference_digest.canonical(one) == reference_digest.canonical(another)) is (one == another)


class Holds(Server):
    """A server of one table; iterated, it gives the table's rows."""

    def __init__(self, *rows: tuple[object, ...]) -> None:
        super().__init__(
            [("shop", "item"), ("drillproof", "ledger"), ("mysql", "user")], [("a", "int"), ("b", "float")]
        )
        self.rows = rows

    def cursor(self, _: object = None) -> Holds:
        return self

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        return iter(self.rows)


def digest_of_rows(*rows: tuple[object, ...]) -> str:
    (hashed,) = reference_digest.tables(cast("Connection[Cursor]", Holds(*rows))).values()
    return hashed


@given(st.lists(st.tuples(st.sampled_from(("1", "2")), st.none() | st.sampled_from(("x", "")))), st.randoms())
def test_the_slow_way_sees_every_row_and_no_order(held: list[tuple[object, ...]], chance: Random) -> None:
    shuffled = [*held]
    chance.shuffle(shuffled)
    assert digest_of_rows(*held) == digest_of_rows(*shuffled)
    assert digest_of_rows(*held) != digest_of_rows(*held, ("1", "x"))
    assert digest_of_rows(*held, ("1", "x")) != digest_of_rows(*held, ("1", None))


def test_the_slow_way_widens_floats() -> None:
    server = Holds(("1", "0.1"))
    reference_digest.tables(cast("Connection[Cursor]", server))
    assert server.asked[-1] == "SELECT `a`, `b` + 0e0 FROM `shop`.`item` USE INDEX ()"


# --- damage


@pytest.mark.parametrize(("number", "damage"), [(1034, True), (1812, True), (1146, True), (2013, False), (1205, False)])
def test_damage_is_what_the_server_said_of_its_data(number: int, damage: bool) -> None:
    error = pymysql.OperationalError(number, "said")
    assert is_damage(error) is damage
    with pytest.raises(Corrupt if damage else ToolFailed, match="said"), raise_corrupt():
        raise ToolFailed(("mysql", "db-0"), 1, "said") from error


def test_damage_names_the_table_that_the_server_named() -> None:
    text = "(1812, 'Tablespace is missing for table `core_agent_profile`.`agent_role`.')"
    with pytest.raises(Corrupt) as error, raise_corrupt():
        raise ToolFailed(("mysql", "db-0"), 1, text) from pymysql.OperationalError(1812, text)
    assert error.value.objects == ("table core_agent_profile.agent_role",)


def test_trouble_of_other_kinds_is_no_damage() -> None:
    assert not is_damage(None)
    assert not is_damage(TimeoutError())
    assert not is_damage(pymysql.InterfaceError())


def test_a_server_that_ended_over_a_corrupt_page_said_so_in_its_log() -> None:
    line = "2026 1 [ERROR] [MY-011906] [InnoDB] Database page corruption on disk or a failed file read of page [5:4]."
    assert line_of_corruption(f"ready for connections\n{line}\nmysqld got signal 6") == line
    tree = "2026 1 [ERROR] [MY-011853] [InnoDB] Corruption of an index tree: table `shop`.`item` index `PRIMARY`"
    assert line_of_corruption(f"ready for connections\n{tree}\nmysqld got signal 6") == tree
    assert line_of_corruption("ready for connections\nShutdown complete") == ""


# --- health

HEALTHY = ("replica-uuid", 1, "p:1-9", "ON", "ON", "p", 0, 1, "", "")


def replica(*told: object, late: int = 0, errant: str = "") -> Health:
    server, primary = Server([(late,)], [told]), Server([("p", "p:1-9")], [(errant,)])
    return replica_health(sql(server), sql(primary))


def test_a_replica_that_follows_is_healthy() -> None:
    assert (replica(*HEALTHY).ok, replica(*HEALTHY).reasons) == (True, ())


@pytest.mark.parametrize(
    ("at", "value", "reason", "objects"),
    [
        (0, "p", Reason.DuplicateServerIdentity, ()),
        (1, 0, Reason.OpenToWrites, ()),
        (3, "CONNECTING", Reason.ReplicationStopped, ("receiver CONNECTING",)),
        (4, "OFF", Reason.ReplicationStopped, ("applier OFF",)),
        (5, "q", Reason.FollowsAnother, ()),
        (6, 60, Reason.ReplicationDelayed, ("delay 60 s",)),
        (7, 2, Reason.ExtraChannels, ()),
        (8, "REPLICATE_IGNORE_DB shop", Reason.ReplicationFiltered, ("filter REPLICATE_IGNORE_DB shop",)),
        (9, "Duplicate entry", Reason.ReplicationFailed, ()),
    ],
)
def test_one_thing_wrong_makes_a_replica_unhealthy(
    at: int, value: object, reason: Reason, objects: tuple[str, ...]
) -> None:
    health = replica(*HEALTHY[:at], value, *HEALTHY[at + 1 :])
    assert not health.ok
    assert (health.reasons, health.objects) == ((reason,), objects)


def test_a_replica_that_is_late_or_has_more_than_its_primary_is_unhealthy() -> None:
    assert replica(*HEALTHY, late=1).reasons == (Reason.ReplicationLagging,)
    assert replica(*HEALTHY, errant="r:1").reasons == (Reason.AheadOfPrimary,)


LOG = ("binlog.1", 4, "", "", "p:1-9")


def primary(
    told: tuple[object, ...] = ("p", 0, 0, "", 0), log: tuple[object, ...] = LOG, events: Sequence[str] = ()
) -> Health:
    return primary_health(sql(Server([told], [log], [(name,) for name in events])))


def test_a_primary_that_takes_writes_and_passes_all_on_is_healthy() -> None:
    assert (primary().ok, primary().reasons) == (True, ())


@pytest.mark.parametrize(
    ("seen", "reason", "objects"),
    [
        (primary(("p", 1, 0, "", 0)), Reason.ClosedToWrites, ()),
        (primary(("p", 0, 1, "", 0)), Reason.FollowsAnother, ()),
        (primary(("p", 0, 0, "REPLICATE_DO_DB shop", 0)), Reason.ReplicationFiltered, ("filter REPLICATE_DO_DB shop",)),
        (primary(("p", 0, 0, "", 2)), Reason.TransactionLeftOpen, ()),
        (primary(log=("binlog.1", 4, "", "shop", "p:1-9")), Reason.ReplicationFiltered, ("binary log shop",)),
        (primary(events=["purge"]), Reason.EventDisabled, ("event purge",)),
    ],
)
def test_one_thing_wrong_makes_a_primary_unhealthy(seen: Health, reason: Reason, objects: tuple[str, ...]) -> None:
    assert not seen.ok
    assert (seen.reasons, seen.objects) == ((reason,), objects)


# --- writer


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (pymysql.OperationalError(1290, "--super-read-only"), True),
        (pymysql.DataError(1406, "too long"), True),
        (pymysql.OperationalError(3100, "before_commit hook"), True),
        (pymysql.OperationalError(2013, "lost connection"), False),
        (pymysql.OperationalError(1053, "server shutdown in progress"), False),
        (pymysql.OperationalError(1180, "error during commit"), False),
        (pymysql.InterfaceError(0, ""), False),
        (pymysql.InternalError("Packet sequence number wrong"), False),
        (TimeoutError(), False),
    ],
)
def test_only_the_servers_own_no_is_a_refusal(error: Exception, refusal: bool) -> None:
    assert is_refusal(error) is refusal


class Batches:
    """Answers one batch after the other: None for success, else the error to raise."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.rollback_fails = False
        self.open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def cursor(self) -> Self:
        return self

    def execute(self, text: str, values: dict[str, object]) -> None:
        self.asked.append(text % {name: repr(value) for name, value in values.items()})

    def nextset(self) -> bool:  # what a later statement came to is told only here
        if error := self.answers.pop(0):
            raise error
        return False

    def rollback(self) -> None:
        self.asked.append("ROLLBACK")
        if self.rollback_fails:
            raise pymysql.OperationalError(2013, "lost")

    def close(self) -> None:
        self.open = False


PUT = Operation(9, "put", "k9", "9-x")


def writer(monkeypatch: pytest.MonkeyPatch, connection: Batches) -> MySQLWriter:
    monkeypatch.setattr(pymysql, "connect", lambda **_: connection)
    return MySQLWriter(lambda: contextlib.nullcontext(("127.0.0.1", 1)), "secret")


def test_a_write_and_its_transfer_are_one_batch_that_ends_with_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Batches(None)
    writer(monkeypatch, connection).apply(PUT)
    (batch,) = connection.asked
    first, _, second, _, third, _, last = batch.split("; ")
    assert "INSERT INTO drillproof.ledger" in first
    assert second == "UPDATE drillproof.checking SET balance = balance - 35 WHERE id = 1"
    assert third == "UPDATE drillproof.savings SET balance = balance + 35 WHERE id = 1"
    assert last == "COMMIT"


@pytest.mark.parametrize("verb", ["put", "update", "delete"])
def test_the_batch_stops_at_the_first_statement_that_touches_no_row(verb: str) -> None:
    statements = transaction(write(Operation(9, verb, "k9", "9-x"))[0]).split("; ")
    assert all("ROW_COUNT() > 0" in guard for guard in statements[1:6:2])
    assert statements[6:] == ["COMMIT"]


def test_a_write_that_touched_no_row_is_rolled_back_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Batches(pymysql.OperationalError(1242, "Subquery returns more than 1 row"))
    with pytest.raises(Refused, match="k9"):
        writer(monkeypatch, connection).apply(PUT)
    assert connection.asked[-1] == "ROLLBACK"
    assert connection.open


def test_a_connection_that_cannot_roll_back_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Batches(pymysql.OperationalError(1290, "--super-read-only"))
    connection.rollback_fails = True
    with pytest.raises(Refused, match="super-read-only"):
        writer(monkeypatch, connection).apply(PUT)
    assert not connection.open


def test_a_doubt_is_unanswered_and_nothing_is_said_to_be_rolled_back(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Batches(pymysql.OperationalError(2013, "lost connection"))
    with pytest.raises(Unanswered, match="lost"):
        writer(monkeypatch, connection).apply(PUT)
    assert "ROLLBACK" not in connection.asked


# --- who is asked


@pytest.mark.parametrize("read", ["ledger", "balances"])
def test_what_another_member_shows_is_not_taken_for_this_ones(monkeypatch: pytest.MonkeyPatch, read: str) -> None:
    class Answering(Server):
        def __init__(self) -> None:
            super().__init__([("mysql-primary-0",)], [("checking", 0, 1000) if read == "balances" else (1, "k", "1-v")])

        def cursor(self, kind: object = None) -> Server:  # as PyMySQL has it
            return self

        def __iter__(self) -> Iterator[tuple[object, ...]]:
            return iter(self.fetchall())

    class Cluster:
        def forward(self, *_: object) -> contextlib.AbstractContextManager[tuple[str, int]]:
            return contextlib.nullcontext(("127.0.0.1", 1))

    monkeypatch.setattr("pymysql.connect", lambda **_: Answering())
    store = MySQL(cast("Any", Cluster()), "custos", dict.fromkeys(MySQL.secret_keys, "x"))
    whole = {"ledger": [Row(1, "k", "1-v")], "balances": ["checking/0"]}
    assert list(getattr(store, read)("mysql-primary-0")) == whole[read]
    with pytest.raises(ToolFailed, match="mysql-primary-0 answered in its place"):
        list(getattr(store, read)("mysql-secondary-0"))
