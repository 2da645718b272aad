"""What of MySQL's adapter can be judged without a server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Self, cast

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from harness.datastores.mysql import _primary_health, _replica_health
from harness.datastores.mysql_catalog import CATALOGS, EXCLUDED, catalog
from harness.datastores.mysql_digest import Column, _rows, row_bytes
from harness.datastores.mysql_load import chunks, field, load, statement
from harness.datastores.mysql_writer import is_refusal
from harness.errors import ToolFailed

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
        return self.answers.pop(0)[0]

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
    made = list(chunks(iter(rows), chunk_bytes=30))
    assert len(made) == 4
    assert sum(chunk.rows for chunk in made) == 10
    assert b"".join(chunk.text for chunk in made) == b"".join(b"%d\t%s\n" % (n, x.encode()) for n, x in rows)


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


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (Column("n", "int", nullable=False, charset=""), "`n`"),
        (Column("n", "int", nullable=True, charset=""), "IFNULL(`n`, CAST(0xFE AS BINARY))"),
        (Column("t", "varchar", nullable=False, charset="utf8mb4"), "`t`"),
        (Column("t", "varchar", nullable=False, charset="latin1"), "LENGTH(`t`), `t`"),
        (Column("b", "blob", nullable=True, charset=""), "IFNULL(LENGTH(`b`), CAST(0xFE AS BINARY)), `b`"),
        (Column("f", "float", nullable=False, charset=""), "CAST(`f` AS DOUBLE)"),
        (Column("e", "enum", nullable=False, charset="utf8mb4"), "CAST(`e` AS UNSIGNED)"),
        (Column("v", "a type of tomorrow", nullable=False, charset=""), "HEX(`v`)"),
        (Column("a`b", "int", nullable=False, charset=""), "`a``b`"),
    ],
)
def test_a_column_is_told_without_ambiguity(column: Column, value: str) -> None:
    assert row_bytes([column]) == f"CONCAT_WS(CAST(0xFF AS BINARY), {value})"


def test_a_digest_with_a_warning_is_no_digest() -> None:
    column = Column("b", "longblob", nullable=False, charset="")
    assert _rows(sql(Server([(3, Decimal(255))])), "s.t", [column]).hash == "ff"
    with pytest.raises(ToolFailed, match="not whole"):
        _rows(sql(Server([(3, Decimal(255))], [("Warning", 1301, "truncated")], warnings=1)), "s.t", [column])


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
    assert list(catalog(sql(trigger))) == ["trigger shop.stock"]
    grant = CatalogServer("mysql.db", User="app", Host="%", Select_priv="Y")
    assert list(catalog(sql(grant))) == ["grants app@%"]


def test_what_counts_changes_the_hash_and_what_is_excluded_does_not() -> None:
    def told(**row: object) -> object:
        server = CatalogServer("information_schema.triggers", TRIGGER_SCHEMA="shop", TRIGGER_NAME="stock", **row)
        return catalog(sql(server))

    assert told(CREATED=1, ACTION_ORDER=1) == told(CREATED=2, ACTION_ORDER=1)
    assert told(CREATED=1, ACTION_ORDER=1) != told(CREATED=1, ACTION_ORDER=2)
    assert told(CREATED=1, NEW_IN_SOME_VERSION="a") != told(CREATED=1, NEW_IN_SOME_VERSION="b")


def test_the_ledgers_own_sequence_does_not_count() -> None:
    server = CatalogServer(
        "information_schema.tables", TABLE_SCHEMA="drillproof", TABLE_NAME="ledger", AUTO_INCREMENT=9
    )
    assert "sequence drillproof.ledger" not in catalog(sql(server))


def test_every_exclusion_is_of_a_kind_that_exists_and_has_a_reason() -> None:
    kinds = {source.kind for source in CATALOGS}
    assert all(kind in kinds and reason for kind, _, reason in EXCLUDED)


# --- health

HEALTHY = ("replica-uuid", 1, "p:1-9", "ON", "ON", "p", "")


def replica(*told: object, late: int = 0, errant: str = "") -> tuple[bool, str]:
    server, primary = Server([(late,)], [told]), Server([(errant,)])
    health = _replica_health(sql(server), sql(primary), "p", "p:1-9")
    return health.ok, health.detail


def test_a_replica_that_follows_is_healthy() -> None:
    assert replica(*HEALTHY) == (True, "follows p, has all it had")


@pytest.mark.parametrize(
    ("at", "value", "said"),
    [
        (0, "p", "the primary's identity"),
        (1, 0, "open to writes"),
        (3, "CONNECTING", "its receiver is CONNECTING"),
        (4, "OFF", "its applier is OFF"),
        (5, "q", "it follows q"),
        (6, "Duplicate entry", "Duplicate entry"),
    ],
)
def test_one_thing_wrong_makes_a_replica_unhealthy(at: int, value: object, said: str) -> None:
    ok, detail = replica(*HEALTHY[:at], value, *HEALTHY[at + 1 :])
    assert not ok
    assert said in detail


def test_a_replica_that_is_late_or_has_more_than_its_primary_is_unhealthy() -> None:
    assert not replica(*HEALTHY, late=1)[0]
    assert "r:1" in replica(*HEALTHY, errant="r:1")[1]


def test_a_primary_is_healthy_only_when_open_and_with_its_events_awake() -> None:
    assert _primary_health(sql(Server([])), "p", closed=False).ok
    assert not _primary_health(sql(Server([])), "p", closed=True).ok
    assert "purge" in _primary_health(sql(Server([("purge",)])), "p", closed=False).detail


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
