"""Random histories of one store: what was written to it, and what a member of it truly holds at each moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from harness.core.bank_workload import balances_after, opening_balances
from harness.core.model import Operation, Row
from harness.evidence.ledger import ACKNOWLEDGED, REFUSED, UNANSWERED, Attempt


@dataclass(frozen=True)
class State:
    """What a member holds after some writes."""

    n: int  # of the last write that was tried
    rows: Mapping[str, Row]
    balances: Mapping[str, int] = field(repr=False)

    def then(self, operation: Operation, *, committed: bool) -> State:
        """The state after one more write."""
        if not committed:
            return replace(self, n=operation.n)
        rows = {key: row for key, row in self.rows.items() if key != operation.key}
        if operation.verb != "delete":
            rows[operation.key] = Row(operation.n, operation.key, operation.value)
        return State(operation.n, rows, balances_after(self.balances, (operation.n,)))


@dataclass(frozen=True)
class Past:
    """Writes with their answers, and the state after each of them; the first state is that of before all."""

    attempts: tuple[Attempt, ...]
    states: tuple[State, ...]


START = State(0, {}, opening_balances())


def attempt(operation: Operation, answer: str) -> Attempt:
    """A write that was tried: write n at second n, answered half a second later."""
    n = operation.n
    answered_s = None if answer == UNANSWERED else n + 0.5
    return Attempt(n, operation.verb, operation.key, operation.value, 3 * n, float(n), answer, answered_s)


@st.composite
def pasts(draw: st.DrawFn, *, sure: bool = False, deletes: bool = True) -> Past:
    """Writes as `evidence.ledger.Workload` makes them, with many deletes, and few keys so that much happens to each.

    The store refuses some, and forgets to answer others: none if `sure`. Of a key that it did not answer for,
    nothing is known, so it is left alone.
    """
    verbs = st.sampled_from(["put", "put", "update", "delete"] if deletes else ["put", "update"])
    answers = st.sampled_from([ACKNOWLEDGED] if sure else [ACKNOWLEDGED] * 5 + [REFUSED, UNANSWERED])
    attempts: list[Attempt] = []
    states, live = [START], list[str]()
    for n in range(1, draw(st.integers(1, 25)) + 1):
        verb, answer = draw(verbs) if live else "put", draw(answers)
        key = f"k{n}" if verb == "put" else live.pop(draw(st.integers(0, len(live) - 1)))
        operation = Operation(n, verb, key, "" if verb == "delete" else f"{n}-v")
        there = verb != "delete" if answer == ACKNOWLEDGED else verb != "put"
        if there and answer != UNANSWERED:
            live.append(key)
        committed = answer == ACKNOWLEDGED or (answer == UNANSWERED and draw(st.booleans()))
        attempts.append(attempt(operation, answer))
        states.append(states[-1].then(operation, committed=committed))
    return Past(tuple(attempts), tuple(states))


@st.composite
def wild(draw: st.DrawFn) -> tuple[Attempt, ...]:
    """Any writes to a few keys in any order, also such as our workload never makes."""
    attempts = []
    written = st.tuples(
        st.sampled_from(["put", "update", "delete"]),
        st.sampled_from("abcd"),
        st.sampled_from([ACKNOWLEDGED, ACKNOWLEDGED, ACKNOWLEDGED, REFUSED, UNANSWERED]),
    )
    for n, (verb, key, answer) in enumerate(draw(st.lists(written, max_size=12)), 1):
        attempts.append(attempt(Operation(n, verb, key, "" if verb == "delete" else f"{n}-v"), answer))
    return tuple(attempts)


@st.composite
def spoilt(draw: st.DrawFn, rows: Iterable[Row], foreign: Sequence[Row]) -> list[Row]:
    """Those rows in any order, with some of them changed, gone or doubled, and some foreign ones put in."""
    shown = draw(st.permutations(list(rows)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(shown)))
        change = draw(st.sampled_from(["gone", "value", "number", "foreign", "twice"]))
        if change == "foreign" or place == len(shown):
            shown.insert(place, draw(st.sampled_from(foreign)))
        elif change == "gone":
            del shown[place]
        elif change == "twice":
            shown.append(shown[place])
        elif change == "value":
            shown[place] = replace(shown[place], value=shown[place].value + "!")
        else:
            shown[place] = replace(shown[place], n=draw(st.integers(-1, 14)))
    return shown
