"""What of the PostgreSQL adapter can be judged without a server. The rest is judged by drills."""

from __future__ import annotations

import contextlib
import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, cast
from unittest.mock import MagicMock

import psycopg2
import pytest
from psycopg2.extensions import POLL_OK

from harness.core.bank_workload import TABLES, transfer
from harness.core.errors import ToolFailed
from harness.core.model import Operation, Part, Row
from harness.core.ports import Corrupt, Refused, Unanswered
from harness.core.reason import Reason
from harness.workloads.postgres import catalog
from harness.workloads.postgres.adapter import Postgres, _standby_health
from harness.workloads.postgres.corruption import is_damage
from harness.workloads.postgres.digest import DATABASES, EXCLUDED, HOST, Relation, _prefixed, digest, listed, row_hash
from harness.workloads.postgres.writer import PostgresWriter, is_refusal


@pytest.mark.parametrize("state", ["25006", "23505", "42501", "40001", "53100"])
def test_what_the_server_refused_is_certainly_not_committed(state: str) -> None:
    assert is_refusal(state)


@pytest.mark.parametrize("state", [None, "08006", "57P01", "57014"])
def test_a_write_that_may_have_been_committed_is_never_called_refused(state: str | None) -> None:
    assert not is_refusal(state)


def test_lines_make_one_part_each_whatever_their_order() -> None:
    lines = [("grants a", "x"), ("grants b", "y"), ("grants a", "z")]
    assert listed(lines) == listed(reversed(lines))
    assert {name: part.rows for name, part in listed(lines).items()} == {"grants a": 2, "grants b": 1}


@pytest.mark.parametrize(
    "changed",
    [
        [("g", "ab"), ("g", "c")],
        [("g", "a"), ("g", "bc"), ("g", "")],
        [("g", "a"), ("g", "a"), ("g", "bc")],
        [("g", "a\nbc")],
        [("g", "a")],
    ],
)
def test_any_other_lines_make_another_hash(changed: list[tuple[object, ...]]) -> None:
    assert listed(changed)["g"].hash != listed([("g", "a"), ("g", "bc")])["g"].hash


def test_only_the_ledger_and_its_accounts_are_excluded_each_with_its_reason() -> None:
    ours = {f"table drillproof.{table}" for table in ("ledger", *TABLES)} | {"sequence value drillproof.ledger_id_seq"}
    assert {part for part, _ in EXCLUDED} == ours
    assert all(reason for _, reason in EXCLUDED)


def test_a_users_table_named_as_the_ledger_is_compared_in_every_other_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with two databases, each with a table and a sequence of the ledger's names."""
    answers: dict[str, Sequence[tuple[object, ...]]] = {
        catalog.of_version(17).relations: [
            ("drillproof", "ledger", "r", False, []),
            ("drillproof", "ledger_id_seq", "S", False, []),
        ],
        DATABASES: [("keycloak",), ("shop",)],
        HOST: [("db",)],
    }

    def ask(sql: object, statement: object) -> list[tuple[object, ...]]:
        found = answers.get(str(statement), [])
        return [("sequence value drillproof.ledger_id_seq", "1")] if "last_value" in str(statement) else list(found)

    monkeypatch.setattr("harness.workloads.postgres.digest._all", ask)
    monkeypatch.setattr("harness.workloads.postgres.digest._hashed", lambda *_: Part(1, "x"))
    server = MagicMock()
    server.cursor().__enter__().connection.server_version = 170000
    read = digest(lambda _: contextlib.nullcontext(server), "keycloak").parts
    assert {name for name in read if "ledger" in name} == {
        "database shop: table drillproof.ledger",
        "database shop: sequence value drillproof.ledger_id_seq",
    }


def test_a_rows_hash_is_a_chain_so_that_values_cannot_change_places() -> None:
    first = row_hash(["a"])
    assert first in row_hash(["a", "b"])
    assert row_hash(["a", "b"]).count("hashtextextended(") == 2
    assert row_hash(["a", "b"]) != row_hash(["b", "a"])


def test_what_no_standby_can_show_is_a_members_own() -> None:
    logged, unlogged = (Relation("public", "realm", "r", unlogged, ()) for unlogged in (False, True))
    assert logged.part == "table public.realm"
    assert unlogged.part == "own table public.realm"
    assert _prefixed("database x: ", unlogged.part) == "own database x: table public.realm"
    assert _prefixed("database x: ", logged.part) == "database x: table public.realm"


@pytest.mark.parametrize("state", ["XX000", "XX001", "XX002", "58030", "58P01"])
def test_what_the_server_says_of_damage_is_heard(state: str) -> None:
    assert is_damage(state, "")


@pytest.mark.parametrize("state", ["08006", "57P01", "57P03", "42501", "55P03", "40001", "3D000"])
def test_a_lost_connection_or_a_refusal_is_no_damage(state: str) -> None:
    assert not is_damage(state, "invalid page")


@pytest.mark.parametrize(
    ("message", "damaged"),
    [
        ('FATAL:  could not open file "base/16384/PG_VERSION": No such file or directory', True),
        ('FATAL:  database "keycloak" does not exist\nDETAIL:  The database subdirectory "base/5" is missing.', True),
        ("FATAL:  invalid page in block 0 of relation base/5/1259", True),
        ('FATAL:  relation mapping file "global/pg_filenode.map" contains invalid data', True),
        ('FATAL:  could not read file "global/pg_filenode.map": read 0 of 524', True),
        ('FATAL:  could not open file "base/5/1259": Too many open files in system', False),
        ('FATAL:  database "keycloak" does not exist', False),
        ("FATAL:  the database system is starting up", False),
        ("server closed the connection unexpectedly", False),
        ("could not open file: Connection refused", False),
    ],
)
def test_a_session_that_damage_kept_from_starting_is_told_from_one_that_was_lost(message: str, damaged: bool) -> None:
    assert is_damage(None, message) is damaged


class Sql:
    """A cursor with one row to give."""

    def __init__(self, row: tuple[object, ...]) -> None:
        self.row = row

    def execute(self, statement: str, parameters: object = ()) -> None:
        """Any statement."""

    def fetchone(self) -> tuple[object, ...]:
        return self.row


@pytest.mark.parametrize(("paused", "reasons"), [(True, (Reason.ReplicationPaused,)), (False, ())])
def test_a_standby_that_has_all_there_is_and_would_take_no_more_is_not_well(
    paused: bool, reasons: tuple[Reason, ...]
) -> None:
    row = (True, paused, True, "0/1", "streaming", "1", "postgres-primary-0.x", "7")
    health = _standby_health(Sql(row), Sql((False, "0/1")), ("7", "1", "0/1"))  # type: ignore[arg-type] # as much of one as is asked for
    assert health.ok is not paused
    assert health.reasons == reasons


def test_a_standby_that_has_what_its_primary_never_wrote_is_not_well() -> None:
    # The primary came back from an older copy: it even counts such a standby as having all that it commits.
    row = (True, False, True, "0/9", "streaming", "1", "postgres-primary-0.x", "7")
    health = _standby_health(Sql(row), Sql((True, "0/2")), ("7", "1", "0/1"))  # type: ignore[arg-type] # as above
    assert not health.ok
    assert health.reasons == (Reason.AheadOfPrimary,)


def test_two_tables_never_share_a_part() -> None:
    names = [("a.b", "c"), ("a", "b.c"), ("a", "b"), ("a.b.c", "d"), ('"a', 'b"."c'), ('"a"."b"', "c")]
    parts = [Relation(schema, name, "r", False, ()).part for schema, name in names]
    assert len(set(parts)) == len(names)
    assert parts[2] == "table a.b"


def test_no_statement_of_the_catalog_is_lost() -> None:
    source = Path(catalog.__file__).with_suffix(".sql").read_text("utf-8")
    asked = catalog.of_version(17)
    queries = (asked.relations, asked.statements, *asked.database, *asked.server, *asked.own)
    assert len(queries) == source.count(";\n") == 27
    assert all(re.search("^SELECT ", query, re.MULTILINE) and "{" not in query for query in queries)
    assert [len(asked.server), len(asked.own)] == [5, 3]


class Server:
    """An asynchronous connection whose answer is what it was given; like the driver, it does not hold its cursor."""

    def __init__(self, answer: Exception | None) -> None:
        self.answer = answer
        self.statement, self.values = "", dict[str, object]()
        self.asked: weakref.ref[Server] | None = None

    def cursor(self) -> Server:
        made = Server(None)
        made.execute = self.take  # type: ignore[method-assign] # what it is asked is kept here
        self.asked = weakref.ref(made)
        return made

    def take(self, statement: str, values: dict[str, object]) -> None:
        self.statement, self.values = statement, values

    execute = take

    def poll(self) -> int:
        if self.asked is not None and self.asked() is None:
            raise psycopg2.InterfaceError("the asynchronous cursor has disappeared")
        if self.asked is not None and self.answer is not None:
            raise self.answer
        return POLL_OK

    def close(self) -> None:
        """Nothing is open."""


def said(state: str | None) -> Exception:
    error: Exception = type("Said", (psycopg2.Error,), {"pgcode": state})("so it is")
    return error


@contextlib.contextmanager
def forward() -> Iterator[tuple[str, int]]:
    yield "127.0.0.1", 0


def apply(monkeypatch: pytest.MonkeyPatch, answer: Exception | None, verb: str = "put") -> Server:
    server = Server(answer)
    monkeypatch.setattr(psycopg2, "connect", lambda **_: server)
    PostgresWriter(forward, "keycloak", "x").apply(Operation(17, verb, "k17", "17-v"))
    return server


@pytest.mark.parametrize("verb", ["put", "update", "delete"])
def test_every_write_carries_its_transfer_in_its_own_statement(monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    server = apply(monkeypatch, None, verb)
    assert all(f"drillproof.{table} SET balance" in server.statement for table in TABLES)
    assert "drillproof.ledger" in server.statement
    assert ";" not in server.statement
    moved = transfer(17)
    assert (server.values["source"], server.values["target"], server.values["amount"]) == (
        moved.source,
        moved.target,
        moved.amount,
    )


@pytest.mark.parametrize(
    ("state", "answer"), [("22012", Refused), ("23505", Refused), ("57P01", Unanswered), (None, Unanswered)]
)
def test_a_write_that_touched_nothing_is_refused_and_every_doubt_is_unanswered(
    monkeypatch: pytest.MonkeyPatch, state: str | None, answer: type[Exception]
) -> None:
    with pytest.raises(answer):
        apply(monkeypatch, said(state))


def test_the_primary_is_named_first_and_every_key_of_its_secret_is_declared() -> None:
    assert Postgres.members[0] == "postgres-primary-0"
    assert len(Postgres.members) == 3
    assert set(Postgres.secret_keys) == {"postgres-password", "replication-password"}


@pytest.mark.parametrize("read", ["ledger", "balances"])
def test_what_another_member_shows_is_not_taken_for_this_ones(monkeypatch: pytest.MonkeyPatch, read: str) -> None:
    class Answering:
        autocommit = False

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...
        def close(self) -> None: ...

        def cursor(self, name: str = "") -> Self:  # as psycopg2 has it
            return self

        def execute(self, statement: str, parameters: object = None) -> None:  # as psycopg2 has it
            self.shows = (
                [("postgres-primary-0",)]
                if "hostname" in statement
                else [(1, "k", "1-v")]
                if "ledger" in statement
                else [("checking", 0, 1000)]
            )

        def __iter__(self) -> Iterator[tuple[object, ...]]:
            return iter(self.shows)

    class Cluster:
        def forward(self, *_: object) -> contextlib.AbstractContextManager[tuple[str, int]]:
            return contextlib.nullcontext(("127.0.0.1", 1))

    monkeypatch.setattr("psycopg2.connect", lambda **_: Answering())
    store = Postgres(cast("Any", Cluster()), "custos", dict.fromkeys(Postgres.secret_keys, "x"))
    whole = {"ledger": [Row(1, "k", "1-v")], "balances": ["checking/0"]}
    assert list(getattr(store, read)("postgres-primary-0")) == whole[read]
    with pytest.raises(ToolFailed, match="postgres-primary-0 answered in its place"):
        list(getattr(store, read)("postgres-read-0"))


@pytest.mark.parametrize(
    ("reads", "database"),
    [(lambda store: list(store.ledger("postgres-read-0")), "keycloak"), (lambda store: store.digest("x"), "template1")],
)
def test_damage_names_the_database_that_has_it(
    monkeypatch: pytest.MonkeyPatch, reads: Callable[[Postgres], object], database: str
) -> None:
    class Cluster:
        def forward(self, *_: object) -> contextlib.AbstractContextManager[tuple[str, int]]:
            return contextlib.nullcontext(("127.0.0.1", 1))

    def connect(**_: object) -> None:
        raise said("XX001")

    monkeypatch.setattr("psycopg2.connect", connect)
    store = Postgres(cast("Any", Cluster()), "custos", dict.fromkeys(Postgres.secret_keys, "x"))
    with pytest.raises(Corrupt) as damage:
        reads(store)
    assert damage.value.objects == (f"database {database}",)
    assert store.health("postgres-read-0").reasons == (Reason.DataCorrupted,)
    assert store.health("postgres-read-0").objects == ("database keycloak",)
