"""The ledger's writers, their ticks and their files."""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path

import pytest

from harness.core import wait
from harness.core.clock import Clock
from harness.core.errors import Unreadable
from harness.core.model import Operation, Row
from harness.core.ports import Unanswered
from harness.evidence import ledger
from harness.evidence.ledger import ACKNOWLEDGED, UNANSWERED, Attempt, LedgerWriter, Ticker

LINES = (
    '{"n":1,"verb":"put","key":"a","value":"1-x","tick":3,"at_s":1.0}\n',
    '{"n":1,"answer":"ok","at_s":1.1}\n',
    '{"n":2,"verb":"put","key":"b","value":"2-x","tick":5,"at_s":1.2}\n',
)


def attempts(path: Path, *lines: str) -> list[Attempt]:
    path.write_text("".join(lines))
    return list(ledger.read_attempts(path))


def test_a_write_without_an_answer_at_the_end_is_unanswered(tmp_path: Path) -> None:
    assert attempts(tmp_path / "mysql.jsonl", *LINES) == [
        Attempt(1, "put", "a", "1-x", 3, 1.0, ACKNOWLEDGED, 1.1),
        Attempt(2, "put", "b", "2-x", 5, 1.2, UNANSWERED, None),
    ]


ANSWER = '{"n":2,"answer":"ok","at_s":1.3}\n'


@pytest.mark.parametrize(
    ("lines", "line", "says"),
    [
        ((*LINES, '{"n":3,"verb":"put","key":"c","value":"3-x","tick":6,"at_s":1.3}\n'), 4, "has no answer"),
        ((*LINES, '{"n":9,"answer":"ok","at_s":1.3}\n'), 4, "not asked just before"),
        ((*LINES, '{"n":2,"answer":"perhaps","at_s":1.3}\n'), 4, "not asked just before"),
        ((*LINES, '{"n":2,"answer":["ok"],"at_s":1.3}\n'), 4, "not asked just before"),
        ((*LINES, ANSWER, ANSWER), 5, "not asked just before"),
        ((*LINES, '{"what":1}\n'), 4, "neither a write nor an answer"),
        ((*LINES, '{"n":2,"answer":"ok","at_s":"1.3"}\n'), 4, "neither a write nor an answer"),
        ((*LINES, '{"n":2,"answer":"ok","at_s":1.1}\n'), 4, "back in time"),
        ((*LINES[:2], LINES[2].replace("1.2", "0.9")), 3, "back in time"),
        ((*LINES[:2], LINES[2].replace('"tick":5', '"tick":2')), 3, "tick 2 follows write 1 of tick 3"),
        ((*LINES[:2], LINES[2].replace('"n":2', '"n":3')), 3, "write 3 .* follows write 1"),
        ((*LINES[:2], LINES[2].replace('"n":2', '"n":1')), 3, "write 1 .* follows write 1"),
        ((LINES[2],), 1, "write 2 .* follows write 0"),
        ((LINES[0].replace('"put"', '"get"'),), 1, "neither a write nor an answer"),
        ((LINES[0].replace('"tick":3,', ""),), 1, "neither a write nor an answer"),
        ((LINES[0].replace('"a"', "null"),), 1, "neither a write nor an answer"),
        ((*LINES[:2], LINES[2][:-1]), 3, "cut off"),
        ((*LINES[:2], LINES[2][2:]), 3, "not JSON"),
        ((*LINES[:2], '{"n":2,"answer":"ok","at_s":NaN}\n'), 3, "not JSON"),
        ((*LINES[:2], "[" * 5000 + "\n"), 3, "not JSON"),
        ((*LINES[:2], "[]\n"), 3, "not a JSON object"),
    ],
)
def test_a_line_that_cannot_be_is_named(tmp_path: Path, lines: tuple[str, ...], line: int, says: str) -> None:
    with pytest.raises(Unreadable, match=says) as refused:
        attempts(tmp_path / "mysql.jsonl", *lines)
    assert refused.value.line == line
    assert f"mysql.jsonl, line {line}:" in str(refused.value)


def test_rows_survive_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [Row(1, "k1", "1-ü\r\u2028"), Row(2, "k2", "")]
    assert ledger.write_rows(path, iter(rows)) == 2
    assert list(ledger.read_rows(path)) == rows


def test_a_row_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"n":1,"key":"a","value":"1-x"}\n{"n":"2","key":"a","value":"1-x"}\n')
    with pytest.raises(Unreadable, match="line 2: is not a row"):
        list(ledger.read_rows(path))


class Hand(Clock):
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def now_s(self) -> float:
        return self.at_s


class Stop(threading.Event):
    """An event that takes what is waited for it from a clock's hand."""

    def __init__(self, clock: Hand) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.at_s += timeout or 0
        return False


def test_ticks_fall_due_on_the_clock_and_who_is_slow_misses_some() -> None:
    clock = Hand()
    ticker, stop = Ticker(clock, per_s=4), Stop(clock)
    assert ticker.now() == 1
    assert ticker.after(1, stop) == 2
    assert clock.at_s == 100.25
    clock.at_s = 102.6
    assert ticker.after(2, stop) == 11
    assert clock.at_s == 102.6
    assert ticker.after(11, stop) == 12
    assert clock.at_s == 102.75


def test_ticks_may_go_on_where_others_ended() -> None:
    clock = Hand()
    ticker = Ticker(clock, per_s=1, first=70)
    assert (ticker.now(), ticker.after(70, Stop(clock)), clock.at_s) == (70, 71, 101.0)


class Slow:
    """A writer to a store that is slow, or does not answer."""

    def __init__(self, within: threading.Event | None, *, dead: bool = False) -> None:
        self.within = within
        self.dead = dead

    def apply(self, operation: Operation) -> None:
        if self.within is not None:
            self.within.wait()
        if self.dead:
            raise Unanswered("gone")

    def close(self) -> None:
        pass


def reached(figure: int, goal: int) -> None:
    if figure < goal:
        raise wait.NotYet(f"{figure} of {goal}")


def test_the_same_ticks_go_to_all_stores_and_a_slow_one_holds_none_up(tmp_path: Path) -> None:
    clock, hold = Clock(), threading.Event()
    ticker = Ticker(clock, per_s=200)
    quick, slow = (
        LedgerWriter(name, tmp_path / name, 1, clock, partial(Slow, held), ticker=ticker)
        for name, held in (("quick", None), ("slow", hold))
    )
    slow.start()
    wait.until(lambda: reached(slow.attempted, 1), waited_for="a write", within_s=30, every_s=0.01)
    quick.start()
    wait.until(lambda: reached(quick.acknowledged, 10), waited_for="writes", within_s=30, every_s=0.01)
    hold.set()
    for writer in (quick, slow):
        writer.stop()
        writer.write_one()
        writer.close()
    ticks = {name: [attempt.tick for attempt in ledger.read_attempts(tmp_path / name)] for name in ("quick", "slow")}
    due_s = [(attempt.tick, attempt.attempted_s) for attempt in ledger.read_attempts(tmp_path / "quick")]
    assert ticks["quick"][:-1] == sorted(set(ticks["quick"][:-1]))
    assert ticks["slow"][1] - ticks["slow"][0] >= 9
    assert all(at_s >= (tick - 1) / 200 for tick, at_s in due_s)


def test_a_store_that_does_not_answer_is_tried_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "RETRY_S", 0.1)
    clock = Clock()
    ticker = Ticker(clock, per_s=1000)
    writer = LedgerWriter("a", tmp_path / "a", 1, clock, lambda: Slow(None, dead=True), ticker=ticker, after_n=7)
    writer.start()

    wait.until(lambda: reached(writer.attempted, 2), waited_for="two writes", within_s=30, every_s=0.01)
    writer.stop()
    writer.close()
    first, second, *_ = (json.loads(line) for line in (tmp_path / "a").read_text().splitlines()[::2])
    assert (first["n"], second["n"]) == (8, 9)
    assert second["tick"] - first["tick"] >= 99
