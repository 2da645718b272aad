"""A drill while it runs: how long it will still be, and what is waited for."""

from __future__ import annotations

import io
from pathlib import Path

import sample_runs

from harness.core import wait
from harness.core.model import Event
from harness.workflows import progress
from harness.workflows.drill import request


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def told(runs: Path, *events: tuple[float, str, str]) -> list[str]:
    """The lines of the default drill in which these steps began or ended."""
    lines: list[str] = []
    watcher = progress.Progress(lines.append)
    (options,) = request.options((), runs=runs)
    watcher.expect(options)
    for n, (at_s, step, phase) in enumerate(events, 1):
        watcher(Event(n, at_s, "", "step", {"step": step, "phase": phase}))
    return lines


def test_what_is_left_goes_down_with_each_step(tmp_path: Path) -> None:
    sample_runs.passed(tmp_path / "20260102T030405Z-namespace_loss")
    steps = ((0.1, "up", "start"), (5.1, "up", "end"), (5.1, "deploy", "start"), (6.0, "deploy", "end"))
    first, _, second, _ = told(tmp_path, *steps)
    assert first == "[    0.1 s] up: begun; about 3 min 34 s left by 1 past run"
    assert second == "[    5.1 s] deploy: begun; about 3 min 3 s left by 1 past run"


def test_a_step_that_takes_longer_than_ever_leaves_the_rest(tmp_path: Path) -> None:
    sample_runs.passed(tmp_path / "20260102T030405Z-namespace_loss")
    watcher = progress.quiet()
    (options,) = request.options((), runs=tmp_path)
    watcher.expect(options)
    watcher(Event(1, 0.1, "", "step", {"step": "up", "phase": "start"}))
    assert watcher.left(15.1) == "about 3 min 19 s left by 1 past run"
    assert watcher.left(9000) == "about 3 min 3 s left by 1 past run"


def test_where_nothing_like_it_was_drilled_it_says_so(tmp_path: Path) -> None:
    assert told(tmp_path, (0.1, "up", "start")) == ["[    0.1 s] up: begun; no past run like it"]
    sample_runs.broken_off(tmp_path / "20260102T030405Z-namespace_loss")
    assert told(tmp_path, (0.1, "up", "start")) == ["[    0.1 s] up: begun; no past run like it went so far"]


def test_a_terminal_shows_what_is_waited_for_and_what_was_last_seen(tmp_path: Path) -> None:
    terminal = Terminal()

    def probe() -> None:
        if "last seen: 2 of 9 \\x1b[31m" not in terminal.getvalue():
            raise wait.NotYet("2 of 9 \x1b[31m")

    with progress.watch(terminal) as watcher:
        watcher(Event(1, 0.1, "", "step", {"step": "deploy", "phase": "start"}))
        wait.until(probe, waited_for="all members to be healthy", within_s=20, every_s=0.05)
    assert "waiting for all members to be healthy; last seen: 2 of 9" in terminal.getvalue()
    assert "so far; no past run like it" in terminal.getvalue()


def test_a_wait_that_ended_is_waited_for_no_more() -> None:
    seen: list[list[tuple[str, str]]] = []
    tries = iter((wait.NotYet("not there"), None))

    def probe() -> None:
        seen.append([(each.waited_for, each.last_seen) for each in wait.pending()])
        if error := next(tries):
            raise error

    wait.until(probe, waited_for="it", within_s=5, every_s=0.01)
    assert seen == [[], [("it", "not there")]]
    assert wait.pending() == ()
