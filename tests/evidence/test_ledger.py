"""The ledger's writers, their ticks and their files."""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path

import pytest

from harness.core import wait
from harness.core.clock import Clock
from harness.core.errors import HarnessError, Unreadable
from harness.core.model import Operation, Row
from harness.core.ports import Refused, Unanswered
from harness.evidence import ledger
from harness.evidence.ledger import ACKNOWLEDGED, REFUSED, UNANSWERED, Attempt, LedgerWriter, Ticker, Workload

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
        ((LINES[0].replace('"1-x"', "null"),), 1, "neither a write nor an answer"),
        ((LINES[0].replace('"n":1', '"n":"1"'),), 1, "neither a write nor an answer"),
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


def test_ticks_and_times_begin_at_nought_and_may_stand_still(tmp_path: Path) -> None:
    first = '{"n":1,"verb":"put","key":"a","value":"1-x","tick":%s,"at_s":%s}\n'
    again = '{"n":2,"verb":"put","key":"b","value":"2-x","tick":0,"at_s":0.1}\n'
    lines = (first % (0, 0.1), '{"n":1,"answer":"ok","at_s":0.1}\n', again)
    assert [(each.tick, each.attempted_s) for each in attempts(tmp_path / "x", *lines)] == [(0, 0.1), (0, 0.1)]
    for tick, at_s in ((-1, 0.1), (0, -0.1)):
        with pytest.raises(Unreadable, match="lines were"):
            attempts(tmp_path / "x", first % (tick, at_s))
    with pytest.raises(Unreadable, match="was not asked just before"):
        attempts(tmp_path / "x", '{"n":0,"answer":"ok","at_s":0.1}\n')


def test_rows_survive_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [Row(1, "k1", "1-ü\r\u2028"), Row(2, "k2", "")]
    assert ledger.write_rows(path, iter(rows)) == 2
    assert list(ledger.read_rows(path)) == rows
    assert "ü".encode() in path.read_bytes()


@pytest.mark.parametrize("odd", ['"n":"2","key":"a","value":"1-x"', '"n":2,"key":1,"value":"x"', '"n":2,"key":"a"'])
def test_a_row_that_is_none_is_named(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"n":1,"key":"a","value":"1-x"}}\n{{{odd}}}\n')
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


def test_a_writer_that_is_stopped_while_it_waits_goes_on_with_the_next_tick() -> None:
    """After the fault one more write may be sent; two writes never have one tick."""
    stop = threading.Event()
    stop.set()
    assert Ticker(Hand(), per_s=1).after(5, stop) == 6


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


class Scripted:
    """A store that answers each write, or each connection, as it is told."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = [*answers]
        self.closed = 0

    def connect(self) -> Scripted:
        if isinstance(self.answers[0], ConnectionRefused):
            raise self.answers.pop(0)  # type: ignore[misc] # it is an exception
        return self

    def apply(self, _: Operation) -> None:
        if error := self.answers.pop(0):
            raise error

    def close(self) -> None:
        self.closed += 1


class ConnectionRefused(HarnessError):
    """Raised where a connection is made, so that nothing was sent."""


def test_what_became_of_each_write_is_on_record(tmp_path: Path) -> None:
    """A write that was sent and not answered may be there; one that was refused, or never sent, is not."""
    store = Scripted(
        None, Refused("no " * 100), Unanswered("gone"), ConnectionRefused("down"), HarnessError("odd"), None
    )
    clock = Clock()
    writer = LedgerWriter("s", tmp_path / "s", 1, clock, store.connect, ticker=Ticker(clock, per_s=1))
    said = []
    while store.answers:
        try:
            writer.write_one()
        except Unanswered as error:
            said.append(str(error))
        else:
            said.append("ok")
    failed = zip(range(2, 6), (REFUSED, UNANSWERED, REFUSED, UNANSWERED), strict=True)
    assert said == ["ok", *(f"s: the new write {n} was {answer}" for n, answer in failed), "ok"]
    assert (writer.attempted, writer.acknowledged, store.closed) == (6, 2, 2)
    writer.stop()
    writer.close()
    assert store.closed == 3
    answers = [each.answer for each in ledger.read_attempts(tmp_path / "s")]
    assert answers == [ACKNOWLEDGED, REFUSED, UNANSWERED, REFUSED, UNANSWERED, ACKNOWLEDGED]
    why = [json.loads(line).get("why") for line in (tmp_path / "s").read_text().splitlines()[1::2]]
    assert why == [None, ("no " * 100)[:200], "gone", "down", "odd", None]
    assert writer.fingerprint == ledger.fingerprint(tmp_path / "s")


def test_a_writer_that_breaks_is_no_writer_that_was_stopped(tmp_path: Path) -> None:
    """Else the drill would go on with a ledger that ended too early."""
    clock = Clock()
    store = Scripted(None, ZeroDivisionError("odd"))
    writer = LedgerWriter("s", tmp_path / "s", 1, clock, store.connect, ticker=Ticker(clock, per_s=1000))
    writer.start()
    wait.until(lambda: reached(2 - len(store.answers), 2), waited_for="the end", within_s=30, every_s=0.01)
    with pytest.raises(HarnessError, match="the ledger's writer of s broke: odd"):
        writer.stop()
    writer.close()


def test_a_writer_that_waits_for_its_store_is_told_and_ends_with_the_drill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "STOP_S", 0.01)
    clock, held = Clock(), threading.Event()
    writer = LedgerWriter("held", tmp_path / "s", 1, clock, lambda: Slow(held), ticker=Ticker(clock, per_s=1000))
    writer.stop()  # what was never begun has an end, too
    writer.close()
    writer = LedgerWriter("held", tmp_path / "t", 1, clock, lambda: Slow(held), ticker=Ticker(clock, per_s=1000))
    writer.start()
    wait.until(lambda: reached(writer.attempted, 1), waited_for="a write", within_s=30, every_s=0.01)
    with pytest.raises(HarnessError, match="does not stop; it waits for its store"):
        writer.stop()
    (thread,) = [each for each in threading.enumerate() if each.name == "ledger-held"]
    assert thread.daemon  # or the drill could never end
    held.set()
    thread.join(30)
    writer.stop()
    writer.close()


WROTE = (
    "p1 p2 p3 p4 p5 p6 p7 p8 p9 p10 p11 p12 p13 p14 p15 p16 p17 d2 p19 p20 p21 u6 p23 p24 u16 p26 p27 p28 "
    "p29 d20 p31 u6 p33 u16 p35 p36 u1 p38 u1 p40 p41 p42 u13 u35 p45 p46 p47 p48 p49 u48 p51 p52 d11 p54 "
    "u7 p56 p57 p58 u57 d13 p61 p62 d42 d41 d16 p66 p67 p68 p69 p70 p71 p72 p73 u4 d35 p76 p77 p78 d27 "
    "p80 u46 p82 p83 d71 d1 p86 u21 p88 p89 u76 u56 p92 u62 p94 p95 u29 p97 d14 p99 p100 p101 p102 p103 "
    "u23 u76 p106 p107 p108 p109 p110 p111 p112 p113 p114 p115 p116 u7 p118 p119 u23 p121 p122 d106 p124 "
    "u58 p126 u83 p128 p129 p130 d58 p132 u102 p134 p135 p136 p137 d9 p139 u46 u48 u113 d46 p144 p145 "
    "p146 p147 d46 d144 d62 p151 d78 u8 p154 d70 u147 p157 u49 p159 u72 p161 p162 p163 d116 u116 d57 p167 "
    "u126 u86 d92 p171 p172 p173 d111 p175 u102 u118 p178 p179 p180 p181 p182 p183 d128 p185 p186 d48 "
    "p188 p189 p190 u181 p192 p193 d186 p195 p196 p197 p198 d198 p200"
)


def test_the_same_seed_makes_the_same_writes() -> None:
    """Of 200 writes: 70 % puts, 17 % updates, 13 % deletes of keys that are there; an unanswered key is left alone."""
    workload = Workload(7, "mysql")
    made, unanswered = [], set()
    for n in range(1, 201):
        operation = workload.next()
        assert operation.n == n
        assert operation.key not in unanswered
        answer = {3: REFUSED, 5: UNANSWERED}.get(n % 7, ACKNOWLEDGED)
        if answer == UNANSWERED:
            unanswered.add(operation.key)
        workload.answered(operation, answer)
        made.append(f"{operation.verb[0]}{operation.key.lstrip('k0')}")
    assert " ".join(made) == WROTE
    assert workload.put().n == 201
    assert Workload(7, "mysql", 40).next().n == 41


def test_the_first_ten_keys_are_put_before_one_is_changed() -> None:
    first = set()
    for seed in range(50):
        workload = Workload(seed, "mysql")
        verbs = []
        for _ in range(11):
            operation = workload.next()
            workload.answered(operation, ACKNOWLEDGED)
            verbs.append(operation.verb)
        assert verbs[:10] == ["put"] * 10
        first.add(verbs[10])
    assert first == {"put", "update", "delete"}
