"""What the checks of the ledger say of a few writes, on both sides of each of their conditions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hand import Event, ledger, mark, rows, run
from verdicts import FAILED, FINE, UNKNOWN

from harness.checks.ledger import transfers_atomic, writes_kept
from harness.core.bank_workload import balances_after, opening_balances
from harness.core.model import Json, Row
from harness.evidence.ledger import Attempt
from harness.evidence.run_directory import Run

WRITES = ledger("put a", "put b", "put c", "update a")
WHOLE = rows("a4", "b2", "c3")
MARKS = (mark("T0", 4.6), mark("T4", 20.0))


def shown(
    folder: Path, *members: Sequence[Row], writes: Sequence[Attempt] = WRITES, marks: Sequence[Event] = MARKS
) -> Run:
    return run(folder, {"db": (writes, members)}, marks)


def kept(drill: Run) -> list[tuple[str, ...]]:
    return [
        (each.verdict.value, each.reason.value, *filter(None, (each.member,)), *(why.value for why in each.causes))
        for each in writes_kept(drill)
    ]


KEPT: dict[str, tuple[list[Row], tuple[str, ...]]] = {
    "all": (WHOLE, (*FINE, "db-0")),
    "all but one": (rows("a4", "b2"), (FAILED, "AcknowledgedWriteLost", "db-0")),
    "none": ([], (FAILED, "AcknowledgedWriteLost", "db-0")),
    "one twice": ([*WHOLE, *rows("b2")], (FAILED, "WriteDuplicated", "db-0")),
    "one of nobody": ([*WHOLE, *rows("x9")], (FAILED, "WriteUnexpected", "db-0")),
    "one altered": ([*rows("a4", "b2"), Row(3, "c", "odd")], (FAILED, "WriteAltered", "db-0")),
    "two things": (
        [*rows("a4", "b2", "b2"), Row(3, "c", "odd")],
        (FAILED, "WriteDuplicated", "db-0", "WriteAltered"),
    ),
}


@pytest.mark.parametrize(("held", "said"), KEPT.values(), ids=KEPT)
def test_the_writes_that_a_member_kept(tmp_path: Path, held: list[Row], said: tuple[str, ...]) -> None:
    (found,) = kept(shown(tmp_path, held))
    assert found[:3] == said[:3]
    assert set(found[3:]) == set(said[3:])


def test_all_writes_after_the_backup_may_be_lost_but_not_all_there_are(tmp_path: Path) -> None:
    early = (mark("T0", 0.1), mark("T4", 20.0))
    assert kept(shown(tmp_path, rows("a1"), marks=early)) == [(*FINE, "db-0")]
    assert kept(shown(tmp_path, [], marks=early)) == [(FAILED, "AllWritesLost", "db-0")]


def test_a_state_older_than_the_backup_is_named(tmp_path: Path) -> None:
    older = (FAILED, "OlderStateRestored", "db-0", "AcknowledgedWriteLost")
    assert kept(shown(tmp_path, rows("a1"))) == [older]
    assert kept(shown(tmp_path, rows("a1", "b2"))) == [older]
    # One write of the past alone is missing, or a later one survived: no moment looked so.
    assert kept(shown(tmp_path, rows("b2"))) == [(FAILED, "AcknowledgedWriteLost", "db-0")]
    assert kept(shown(tmp_path, rows("a1", "c3"))) == [(FAILED, "AcknowledgedWriteLost", "db-0")]
    assert kept(shown(tmp_path, [*rows("a1"), Row(9, "x", "odd")])) != [older]


def test_what_was_not_acknowledged_before_the_backup_began_belongs_to_no_older_state(tmp_path: Path) -> None:
    older = (FAILED, "OlderStateRestored", "db-0", "AcknowledgedWriteLost")
    as_the_third_was_answered = (mark("T0", 3.5), mark("T4", 20.0))
    assert kept(shown(tmp_path / "1", rows("a1"), marks=as_the_third_was_answered)) == [older]
    refused = ledger("put a", "put b!", "put c", "put d")
    assert kept(shown(tmp_path / "2", rows("a1"), writes=refused)) == [older]


EARLY = (mark("T0", 0.1), mark("T4", 20.0))
TABLES: dict[str, Json] = {
    "table a": {"rows": 3, "hash": "1"},
    "table b": {"rows": 4, "hash": "2"},
    "grants": {"rows": 1},
}


def digests(after: Json) -> tuple[Event, ...]:
    about: dict[str, Json] = {"store": "db", "member": "db-0", "answered_by": "db-0"}
    return ("digest", {**about, "when": "before", "parts": TABLES}), (
        "digest",
        {**about, "when": "after", "parts": after},
    )


def test_a_database_without_any_write_is_old_or_new(tmp_path: Path) -> None:
    def of(after: Json) -> list[tuple[str, ...]]:
        return kept(shown(tmp_path, [], marks=(*EARLY, *digests(after))))

    assert of(TABLES) == [(FAILED, "OlderStateRestored", "db-0", "AllWritesLost")]
    after_all_writes = shown(tmp_path, [], marks=(*MARKS, *digests(TABLES)))
    assert kept(after_all_writes) == [(FAILED, "OlderStateRestored", "db-0", "AcknowledgedWriteLost")]
    other: dict[str, Json] = {**TABLES, "grants": {"rows": 2, "hash": "4"}}
    assert of(other) == [(FAILED, "OlderStateRestored", "db-0", "AllWritesLost")]
    assert of({}) == [(FAILED, "DatabaseReinitialised", "db-0", "AllWritesLost")]
    assert of({"table a": TABLES["table a"]}) == [(FAILED, "DatabaseReinitialised", "db-0", "AllWritesLost")]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('UndefinedTable: relation "drillproof.ledger" does not exist', "DatabaseReinitialised"),
        ("ProgrammingError: (1146, \"Table 'drillproof.ledger' doesn't exist\")", "DatabaseReinitialised"),
        ("OperationalError: (1049, \"Unknown database 'drillproof'\")", "DatabaseReinitialised"),
        ("OperationalError: server closed the connection unexpectedly", "EvidenceMissing"),
    ],
)
def test_a_database_without_a_ledger_is_new_and_one_that_does_not_answer_is_unknown(
    tmp_path: Path, message: str, reason: str
) -> None:
    unread = ("unread", {"what": "ledger", "store": "db", "member": "db-0", "message": message})
    drill = shown(tmp_path, [], marks=(*EARLY, *digests({}), unread))
    (drill.path / "ledger" / "db@db-0.jsonl").unlink()
    (found,) = kept(drill)
    assert found[:2] == (UNKNOWN if reason == "EvidenceMissing" else FAILED, reason)


def test_one_acknowledged_write_is_enough_and_none_is_not(tmp_path: Path) -> None:
    assert kept(shown(tmp_path, rows("a1"), writes=ledger("put a"))) == [(*FINE, "db-0")]
    assert kept(shown(tmp_path, rows("a1"), writes=ledger("put a?"))) == [(UNKNOWN, "NoWriteAcknowledged", "db-0")]


def test_members_of_two_moments_are_told_though_one_cannot_be_read(tmp_path: Path) -> None:
    early = (mark("T0", 1.6), mark("T4", 20.0))
    drill = shown(tmp_path, rows("a1", "b2"), WHOLE, rows("a1", "b2"), marks=early)
    fine = [(*FINE, f"db-{n}") for n in range(3)]
    assert kept(drill) == [*fine, (FAILED, "MembersDiverge")]
    assert kept(shown(tmp_path, WHOLE, WHOLE, WHOLE)) == fine
    drill = shown(tmp_path, rows("a1", "b2"), WHOLE, rows("a1", "b2"), marks=early)
    (drill.path / "ledger" / "db@db-0.jsonl").unlink()
    assert kept(drill) == [(UNKNOWN, "EvidenceMissing", "db-0"), *fine[1:], (FAILED, "MembersDiverge")]


@pytest.mark.parametrize("lacking", [0, 1])
def test_without_its_times_a_ledger_is_no_proof(tmp_path: Path, lacking: int) -> None:
    marks = [each for n, each in enumerate(MARKS) if n != lacking]
    assert kept(shown(tmp_path, WHOLE, marks=marks)) == [(UNKNOWN, "NotRecorded", "db-0")]


# ---------------------------------------------------------------- the balances

RIGHT = balances_after(opening_balances(), [1, 2, 3, 4])
EARLIER = balances_after(opening_balances(), [1, 2])


def balances(accounts: Json) -> Event:
    return "balances", {"store": "db", "member": "db-0", "accounts": accounts}


def without(name: str) -> dict[str, Json]:
    return {each: balance for each, balance in RIGHT.items() if each != name}


def moved(amount: int, *names: str) -> dict[str, Json]:
    """Money from one account to the next."""
    signs = dict(zip(names, (1, -1), strict=False))
    return {name: balance + signs.get(name, 0) * amount for name, balance in RIGHT.items()}


BALANCES: dict[str, tuple[Sequence[Event], tuple[str, ...]]] = {
    "match": ([balances(dict(RIGHT))], FINE),
    "not read": ([], (UNKNOWN, "NotReadBack")),
    "no numbers": ([balances({**RIGHT, "checking/0": "1000"})], (UNKNOWN, "NotReadBack")),
    "nothing": ([balances(None)], (UNKNOWN, "NotReadBack")),
    "true": ([balances({**RIGHT, "checking/0": True})], (UNKNOWN, "NotReadBack")),
    "of another moment": ([balances(dict(EARLIER))], (FAILED, "BalanceDiffers")),
    "one too rich": ([balances(moved(1, "checking/0"))], (FAILED, "BalanceSumDiffers", "account checking/0")),
    "one robbed for another": (
        [balances(moved(1, "checking/0", "savings/7"))],
        (FAILED, "BalanceDiffers", "account checking/0", "account savings/7"),
    ),
    "one is missing": ([balances(without("savings/7"))], (FAILED, "AccountMissing", "account savings/7")),
    "one is more": ([balances({**RIGHT, "x/0": 0})], (FAILED, "AccountUnexpected", "account x/0")),
}


@pytest.mark.parametrize(("events", "said"), BALANCES.values(), ids=BALANCES)
def test_the_balances_of_a_member(tmp_path: Path, events: Sequence[Event], said: tuple[str, ...]) -> None:
    (found,) = transfers_atomic(shown(tmp_path, WHOLE, marks=[*MARKS, *events]))
    assert (found.verdict.value, found.reason.value, found.store, found.member) == (*said[:2], "db", "db-0")
    if len(said) > 2:
        assert set(found.objects) == set(said[2:])


def test_balances_that_fit_any_of_several_moments_pass(tmp_path: Path) -> None:
    """Put and deleted again: no row tells the moment before both from the one after both."""
    writes = ledger("put a", "put b", "delete b", "put c?")
    early = (mark("T0", 1.6), mark("T4", 20.0))
    for done, fits in (([1], True), ([1, 2, 3], True), ([1, 2], False), ([1, 2, 3, 4], False), ([], False)):
        accounts: Json = dict(balances_after(opening_balances(), done))
        drill = shown(tmp_path, rows("a1"), writes=writes, marks=(*early, balances(accounts)))
        (found,) = transfers_atomic(drill)
        assert (found.verdict.value, done) == ("pass" if fits else "fail", done)


def test_an_unanswered_write_moved_its_money_if_its_row_is_there(tmp_path: Path) -> None:
    writes = ledger("put a", "put b?")
    for held, done, verdict in (
        (rows("a1"), [1], "pass"),
        (rows("a1", "b2"), [1, 2], "pass"),
        (rows("a1"), [1, 2], "fail"),
        (rows("a1", "b2"), [1], "fail"),
    ):
        accounts: Json = dict(balances_after(opening_balances(), done))
        (found,) = transfers_atomic(shown(tmp_path, held, writes=writes, marks=(*MARKS, balances(accounts))))
        assert found.verdict.value == verdict


def test_what_was_written_after_the_restore_moved_its_money_too(tmp_path: Path) -> None:
    writes = ledger("put a", "put b")
    marks = (mark("T0", 1.6), mark("T4", 1.9))
    for done, verdict in (([1, 2], "pass"), ([1], "fail")):
        accounts: Json = dict(balances_after(opening_balances(), done))
        drill = shown(tmp_path, rows("a1", "b2"), writes=writes, marks=(*marks, balances(accounts)))
        (found,) = transfers_atomic(drill)
        assert found.verdict.value == verdict


def test_balances_of_no_acknowledged_write_or_beside_an_unreadable_ledger_are_unknown(tmp_path: Path) -> None:
    marks = (*MARKS, balances(dict(opening_balances())))
    (found,) = transfers_atomic(shown(tmp_path, [], writes=ledger("put a?"), marks=marks))
    assert (found.verdict.value, found.reason.value) == (UNKNOWN, "NoWriteAcknowledged")
    accounts: Json = dict(balances_after(opening_balances(), [1]))
    (found,) = transfers_atomic(shown(tmp_path, rows("a1"), writes=ledger("put a"), marks=(*MARKS, balances(accounts))))
    assert (found.verdict.value, found.reason.value) == FINE
    drill = shown(tmp_path, WHOLE, marks=(*MARKS, balances(dict(RIGHT))))
    (drill.path / "ledger" / "db@db-0.jsonl").unlink()
    (found,) = transfers_atomic(drill)
    assert (found.verdict.value, found.reason.value) == (UNKNOWN, "EvidenceMissing")
