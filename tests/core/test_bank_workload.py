"""The money that every write moves: what the accounts of a member should hold, and what is said if they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand import ledger, mark, rows, run

from harness import checks
from harness.checks.judge import judge
from harness.checks.ledger import transfers_atomic
from harness.core.bank_workload import balances_after, opening_balances
from harness.core.model import Finding, Json, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import Run
from harness.evidence.write_classification import states
from harness.evidence.write_history import History, Shown


@pytest.mark.parametrize(
    ("writes", "shown", "made"),
    [
        (["put a", "put b", "put c"], ["a1", "b2"], [[1, 2]]),
        (["put a", "put b!", "put c"], ["a1", "c3"], [[1, 3]]),
        (["put a", "put b?", "put c"], ["a1", "c3"], [[1, 3]]),
        (["put a", "put b?", "put c"], ["a1", "b2", "c3"], [[1, 2, 3]]),
        (["put a", "put b", "update b?"], ["a1", "b2"], [[1, 2]]),
        (["put a", "put b", "update b?"], ["a1", "b3"], [[1, 2, 3]]),
        (["put a", "put b", "delete b?", "put c"], ["a1", "b2", "c4"], [[1, 2, 4]]),
        (["put a", "put b", "delete b?", "put c"], ["a1", "c4"], [[1, 2, 3, 4]]),
        # Nothing tells the moment before these puts from the one after their deletes.
        (["put a", "put b", "delete b", "put c"], ["a1"], [[1], [1, 2, 3]]),
        (["put a", "put b", "delete b?", "put c"], ["a1"], [[1], [1, 2, 3]]),
        (["put a", "put b", "delete b", "put c"], ["a1", "b2"], [[1, 2]]),
        (["put a"], [], [[]]),
    ],
)
def test_the_rows_tell_which_transfers_were_made(writes: list[str], shown: list[str], made: list[list[int]]) -> None:
    allowed = states(Shown(History(ledger(*writes)), rows(*shown)))
    assert list(allowed) == [balances_after(opening_balances(), each) for each in made]


def two(folder: Path, accounts: Json, *, noted: str = "balances", tries: int = 5) -> Run:
    """Two members: one well, one with these accounts. Writes 1 to 4 came before the restore, 2 were kept; then 5."""
    attempts = ledger("put a", "put b", "put c", "put d", "put e")[:tries]
    shown = rows("a1", "b2", "e5")
    other: dict[str, Json] = {"accounts": accounts, "what": "balances", "message": "checksum"}
    return run(
        folder,
        {"a": (attempts, (shown, shown))},
        (
            mark("T0", 2.6),
            mark("T4", 4.7),
            ("balances", {"store": "a", "member": "a-0", "accounts": balances_after(opening_balances(), (1, 2, 5))}),
            (noted, {"store": "a", "member": "a-1", **other}),
        ),
    )


WHOLE: dict[str, Json] = {**balances_after(opening_balances(), (1, 2, 5))}


WITHOUT: dict[str, Json] = {name: held for name, held in WHOLE.items() if name != "savings/7"}


def changed(name: str, by: int) -> dict[str, Json]:
    return {**WHOLE, name: balances_after(opening_balances(), (1, 2, 5))[name] + by}


@pytest.mark.parametrize(
    ("accounts", "verdict", "reason", "objects"),
    [
        (WHOLE, Verdict.PASS, Reason.AsExpected, ()),
        (balances_after(opening_balances(), (1, 2)), Verdict.FAIL, Reason.BalanceDiffers, ("account checking/5",)),
        (
            balances_after(opening_balances(), (1, 2, 3, 5)),
            Verdict.FAIL,
            Reason.BalanceDiffers,
            ("account checking/3",),
        ),
        (changed("savings/7", 1), Verdict.FAIL, Reason.BalanceSumDiffers, ("account savings/7",)),
        (WITHOUT, Verdict.FAIL, Reason.AccountMissing, ("account savings/7",)),
        ({**WHOLE, "savings/8": 0}, Verdict.FAIL, Reason.AccountUnexpected, ("account savings/8",)),
        ({}, Verdict.FAIL, Reason.AccountMissing, tuple(f"account {name}" for name in WHOLE)),
        (None, Verdict.UNKNOWN, Reason.NotReadBack, ()),
        ([1000], Verdict.UNKNOWN, Reason.NotReadBack, ()),
        ({**WHOLE, "savings/7": "1000"}, Verdict.UNKNOWN, Reason.NotReadBack, ()),
        ({**WHOLE, "savings/7": True}, Verdict.UNKNOWN, Reason.NotReadBack, ()),
    ],
)
def test_accounts_are_held_against_the_writes_kept(
    tmp_path: Path, accounts: Json, verdict: Verdict, reason: Reason, objects: tuple[str, ...]
) -> None:
    well, other = transfers_atomic(two(tmp_path, accounts))
    assert (well.member, well.verdict) == ("a-0", Verdict.PASS)
    assert (other.store, other.member, other.verdict) == ("a", "a-1", verdict)
    assert other.reason is reason
    assert set(objects) <= set(other.objects)


def test_accounts_that_were_not_read_are_unknown(tmp_path: Path) -> None:
    (_, other) = transfers_atomic(two(tmp_path, WHOLE, noted="unread"))
    assert other.verdict is Verdict.UNKNOWN


def test_a_member_that_says_that_it_is_damaged_fails(tmp_path: Path) -> None:
    (_, other) = transfers_atomic(two(tmp_path, WHOLE, noted="corrupt"))
    assert (other.verdict, other.reason) == (Verdict.FAIL, Reason.DataCorrupted)


def test_where_nothing_was_written_nothing_is_proved(tmp_path: Path) -> None:
    well, other = transfers_atomic(two(tmp_path, WHOLE, tries=0))
    assert {well.verdict, other.verdict} == {Verdict.UNKNOWN}


def test_a_ledger_that_cannot_be_read_leaves_them_unknown(tmp_path: Path) -> None:
    spoilt = two(tmp_path, WHOLE)
    file = spoilt.path / "ledger" / "a@a-1.jsonl"
    file.unlink()
    well, other = transfers_atomic(spoilt)
    assert (well.verdict, other.verdict) == (Verdict.PASS, Verdict.UNKNOWN)
    assert (other.reason, other.objects) == (Reason.EvidenceMissing, (file.name,))


def test_it_is_asked_of_every_run(tmp_path: Path) -> None:
    found: list[Finding] = [each for each in judge(two(tmp_path, WHOLE), checks.ALL) if each.check == "transfers-whole"]
    assert [each.verdict for each in found] == [Verdict.PASS, Verdict.PASS]
