"""A drillproof that was stopped for a while (SIGSTOP) blames nobody: not the command it ran, nor what it waited for."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from harness.core import wait
from harness.core.errors import TimedOut
from harness.core.process import spawn

RUNS = 'from harness.core.process import run; print("runs", flush=True); print(run(["sleep", "0.5"], within_s=2))'


PASS = threading.Event().wait
"""Lets so many seconds pass."""


def test_a_command_that_ended_while_we_were_stopped_was_not_slow(tmp_path: Path) -> None:
    printed = tmp_path / "printed"

    def begun() -> None:
        if not printed.read_text():
            raise wait.NotYet("nothing printed")

    with printed.open("wb") as output, spawn([sys.executable, "-c", RUNS], output=output) as stopped:
        wait.until(begun, waited_for="its start", within_s=30, every_s=0.05)
        PASS(0.2)
        os.kill(stopped.pid, signal.SIGSTOP)
        PASS(3)
        os.kill(stopped.pid, signal.SIGCONT)
        assert stopped.wait(30) == 0
    assert "exit_code=0" in printed.read_text()


def test_a_wait_asks_once_more_after_a_question_that_outlasted_it() -> None:
    answers = iter((False, True))

    def probe() -> None:
        if not next(answers):
            PASS(0.3)  # stopped while it asked
            raise wait.NotYet("not healthy yet")

    wait.until(probe, waited_for="it", within_s=0.1)


def test_a_wait_still_ends() -> None:
    asked = []

    def probe() -> None:
        asked.append(1)
        PASS(0.15)
        raise wait.NotYet("never")

    with pytest.raises(TimedOut, match="last seen: never"):
        wait.until(probe, waited_for="it", within_s=0.1)
    assert len(asked) == 2
    with pytest.raises(TimedOut):
        wait.until(probe, waited_for="it", within_s=0)
    assert len(asked) == 3
