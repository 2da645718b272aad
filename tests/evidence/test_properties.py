"""What is true of every ledger, whatever was written, and of every journal, whatever was done to it."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import reference_classification as slow_classify
from histories import START, Past, State, pasts, spoilt, wild
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.core.bank_workload import ACCOUNTS, OPENING, TABLES, balances_after, opening_balances, transfer
from harness.core.clock import Clock
from harness.core.errors import Unreadable
from harness.core.model import Event, Operation, Row
from harness.evidence import journal
from harness.evidence.journal import Journal
from harness.evidence.ledger import ACKNOWLEDGED, UNANSWERED, Attempt
from harness.evidence.marks import LEGS, MARKS, between, legs, marks, rto_s
from harness.evidence.write_classification import Classes, classify, states
from harness.evidence.write_history import History, Shown

CLASSES = ("lost_before", "resurrected", "duplicated", "altered", "unexpected", "kept", "lost_after")


def judged(attempts: tuple[Attempt, ...], rows: list[Row], backup_s: float | None = None) -> Classes:
    return classify(Shown(History(attempts), rows), backup_s=backup_s)


def shown(state: State) -> list[Row]:
    return list(state.rows.values())


# The fast classes are the slow ones.


@given(st.data(), st.one_of(wild(), pasts().map(lambda past: past.attempts)), st.none() | st.integers(0, 14))
def test_the_fast_way_and_the_slow_way_say_the_same(
    data: st.DataObject, attempts: tuple[Attempt, ...], backup_s: int | None
) -> None:
    state = START
    for n, verb, key, value, *_ in attempts[: data.draw(st.integers(0, len(attempts)))]:
        state = state.then(Operation(n, verb, key, value), committed=data.draw(st.booleans()))
    ours = [Row(n, key, value) for n, verb, key, value, *_ in attempts]
    rows = data.draw(spoilt(state.rows.values(), [*ours, Row(1, "z", "1-v"), Row(99, "a", "99-v")]))
    restore_s = data.draw(st.sampled_from([float("inf"), len(attempts) * 0.8]))

    fast = classify(Shown(History(attempts, restore_s), rows), backup_s=backup_s)

    before = [each for each in attempts if each.attempted_s < restore_s]
    later = {Row(a.n, a.key, a.value) for a in attempts[len(before) :] if a.verb != "delete" and a.answer != "refused"}
    slow = slow_classify.classify(before, [row for row in rows if row not in later], backup_s=backup_s)
    point, counts, examples, rpo_s = slow
    assert fast.recovery_point_n == point
    assert {name: getattr(fast, name) for name in (*CLASSES, "attempted", "acknowledged", "indeterminate")} == {
        name: counts[name] for name in (*CLASSES, "attempted", "acknowledged", "indeterminate")
    }
    assert {name: tuple(found) for name, found in fast.examples.items() if name != "lost_again"} == {
        name: tuple(found) for name, found in examples.items()
    }
    assert fast.rpo_s == rpo_s


# The classes themselves.


@given(st.data(), pasts())
def test_any_moment_restored_whole_has_nothing_wrong(data: st.DataObject, past: Past) -> None:
    state = data.draw(st.sampled_from(past.states[1:]))
    rows = data.draw(st.permutations(list(state.rows.values())))
    classes = judged(past.attempts, rows)
    assert classes.wrong == ()
    assert classes.kept + classes.lost_after == classes.acknowledged


@given(st.data(), pasts(sure=True))
def test_any_single_change_to_the_rows_is_wrong(data: st.DataObject, past: Past) -> None:
    rows = list(past.states[-1].rows.values())
    assume(rows)
    place = data.draw(st.integers(0, len(rows) - 1))
    row = rows.pop(place)
    change = data.draw(st.sampled_from(["gone", "altered", "twice", "another number", "another key", "another row"]))
    rows += {
        "gone": [],
        "altered": [replace(row, value=row.value[:-1] + "x")],
        "twice": [row, row],
        "another number": [replace(row, n=row.n + 1)],
        "another key": [replace(row, key=row.key + "0")],
        "another row": [row, Row(row.n, "z", row.value)],
    }[change]
    # All was acknowledged before the backup, so that there is no "lost after" for a loss to hide in.
    assert judged(past.attempts, rows, len(past.attempts) + 1).wrong
    # Without that, a change may look like an earlier moment, and like nothing else.
    classes = judged(past.attempts, rows)
    assert classes.wrong or classes.recovery_point_n < len(past.attempts)


@given(st.data(), pasts(sure=True))
def test_a_deleted_row_that_is_back_is_wrong(data: st.DataObject, past: Past) -> None:
    state = past.states[-1]
    before = {row.key: row for earlier in past.states for row in earlier.rows.values()}
    deleted = sorted(before.keys() - state.rows.keys())
    assume(deleted)
    back = before[data.draw(st.sampled_from(deleted))]
    classes = judged(past.attempts, [*state.rows.values(), back], len(past.attempts) + 1)
    assert classes.wrong


# RPO and RTO.


@given(pasts(sure=True, deletes=False))
def test_each_write_more_that_is_kept_makes_the_rpo_smaller(past: Past) -> None:
    last = len(past.attempts)
    lost = [(classes.rpo_s, classes.rpo_writes) for classes in (judged(past.attempts, shown(s)) for s in past.states)]
    assert lost == [(last - 0.5, last), *((float(last - n), last - n) for n in range(1, last + 1))]


@given(st.data(), pasts(sure=True))
def test_the_rpo_is_never_more_than_what_is_lost(data: st.DataObject, past: Past) -> None:
    state = data.draw(st.sampled_from(past.states))
    assume(state.rows)
    assert 0 <= judged(past.attempts, shown(state)).rpo_s <= len(past.attempts) - state.n


TIMES = st.floats(0, 1e6, allow_nan=False).map(lambda at_s: round(at_s, 6))


@given(st.lists(st.tuples(st.sampled_from([*MARKS, "T10", 7, None]), TIMES, st.none() | TIMES), max_size=30))
def test_the_first_time_of_a_mark_counts_and_legs_are_differences(
    noted: list[tuple[str | int | None, float, float | None]],
) -> None:
    events = [
        Event(n, at_s, "", "mark", {"mark": name} if own_s is None else {"mark": name, "at_s": own_s})
        for n, (name, at_s, own_s) in enumerate(noted, 1)
    ]
    first = {name: at_s if own_s is None else own_s for name, at_s, own_s in reversed(noted) if name in MARKS}
    seen = marks(events)
    assert seen == first
    for leg, (start, end) in LEGS.items():
        both = start in first and end in first
        assert legs(seen)[leg] == (round(first[end] - first[start], 3) if both else None)
    assert rto_s(seen) == between(seen, "T3", "T8")
    assert rto_s(marks(event for event in events if event.data["mark"] != "T8")) is None


# Transfers.


@given(st.lists(st.integers(1, 10**7), unique=True, min_size=1), st.data())
def test_any_order_of_transfers_comes_to_the_same_and_one_left_out_does_not(
    writes: list[int], data: st.DataObject
) -> None:
    balances = balances_after(opening_balances(), writes)
    assert balances_after(opening_balances(), data.draw(st.permutations(writes))) == balances
    assert sum(balances.values()) == len(TABLES) * ACCOUNTS * OPENING
    out = data.draw(st.sampled_from(writes))
    assert transfer(out).amount != 0
    assert balances_after(opening_balances(), (n for n in writes if n != out)) != balances


@given(st.data(), pasts())
def test_a_whole_state_is_among_those_that_its_rows_allow(data: st.DataObject, past: Past) -> None:
    state = data.draw(st.sampled_from(past.states))
    member = Shown(History(past.attempts), state.rows.values())
    assert state.balances in states(member)


@given(st.data(), pasts())
def test_with_one_transfer_too_many_or_too_few_no_state_fits(data: st.DataObject, past: Past) -> None:
    place = data.draw(st.integers(0, len(past.attempts) - 1))
    state, torn = past.states[place + 1], past.attempts[place]
    # A write whose row is there tells for itself; of one that left no row, its moment may be another one.
    assume(torn.key in state.rows and state.rows[torn.key].n == torn.n)
    made = {
        name: 2 * state.balances[name] - balance for name, balance in balances_after(state.balances, (torn.n,)).items()
    }
    allowed = states(Shown(History(past.attempts), state.rows.values()))
    assert made not in allowed
    assert balances_after(state.balances, (torn.n,)) not in allowed


@given(pasts(), st.integers(1, 5))
def test_what_was_written_after_the_restore_counts_if_it_is_there(past: Past, more: int) -> None:
    count = len(past.attempts)
    state, attempts = past.states[-1], list(past.attempts)
    for n in range(count + 1, count + more + 1):
        key, answer = f"n{n}", UNANSWERED if n % 2 else ACKNOWLEDGED
        attempts.append(Attempt(n, "put", key, f"{n}-v", 3 * n, float(n), answer, n + 0.5))
        operation = Operation(n, "put", key, f"{n}-v")
        state = state.then(operation, committed=answer == ACKNOWLEDGED or n % 3 == 0)
    member = Shown(History(attempts, restore_s=count + 1), state.rows.values())
    assert state.balances in states(member)
    assert classify(member, backup_s=None).wrong == ()


# The journal's chain.


class Still(Clock):
    """A clock that stands still, so that the same journal is written each time."""

    def now_s(self) -> float:
        return 1.5

    @staticmethod
    def label() -> str:
        return "2026-01-02T03:04:05.678+00:00"


def told(path: Path) -> list[bytes]:
    log = Journal(path, Still())
    log.mark("T0")
    log.append("note", text='Überraschung "chain":"')
    log.append("digest", parts={"a": {"rows": 1}})
    log.close()
    return path.read_bytes().splitlines(keepends=True)


@given(st.data())
def test_any_single_edit_of_a_journal_is_named_by_file_and_line(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        lines = told(path)
        place = data.draw(st.integers(0, len(lines) - 1))
        line, edited = lines[place], list(lines)
        at = data.draw(st.integers(0, len(line) - 1))
        byte = data.draw(st.binary(min_size=1, max_size=1))
        change = data.draw(st.sampled_from(["byte", "insert", "cut", "gone", "twice", "swap"]))
        if change == "byte":
            edited[place] = line[:at] + byte + line[at + 1 :]
        elif change == "insert":
            edited[place] = line[:at] + byte + line[at:]
        elif change == "cut":
            edited = [*lines[:place], line[:at]]
        elif change == "gone":
            del edited[place]
        elif change == "twice":
            edited.insert(data.draw(st.integers(0, len(lines))), line)
        else:
            other = data.draw(st.integers(0, len(lines) - 1))
            edited[place], edited[other] = lines[other], line
        assume(edited != lines)
        path.write_bytes(b"".join(edited))
        # Whole lines gone from the end leave a whole journal, but one without its end: a check looks for that.
        if b"".join(edited) in [b"".join(lines[:count]) for count in range(1, len(lines))]:
            assert journal.read(path)[-1].kind != "end"
            return
        with pytest.raises(Unreadable) as refused:
            journal.read(path)
        assert refused.value.line > 0
        assert str(path) in str(refused.value)


def test_all_kinds_of_writes_and_answers_are_tried() -> None:
    seen: Counter[str] = Counter()

    @settings(derandomize=True, max_examples=100)
    @given(pasts())
    def look(past: Past) -> None:
        seen.update(f"{each.verb} {each.answer}" for each in past.attempts)

    look()
    assert len(seen) == 9
