"""Commands and waits end when they should, and say what was seen."""

from __future__ import annotations

import gc
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from harness.core import parallel, process, wait
from harness.core.errors import Interrupted, TimedOut, ToolFailed


def test_a_command_gives_what_it_printed() -> None:
    assert process.run(["sh", "-c", "cat; echo $X"], stdin="in ", env={"X": "env"}).stdout == "in env\n"


def test_a_command_that_reads_late_gets_all_of_a_long_input() -> None:
    assert process.run(["sh", "-c", "sleep 1.5; wc -c"], stdin="x" * 1_000_000, within_s=20).stdout.strip() == "1000000"


def test_a_failure_carries_command_code_and_last_lines() -> None:
    with pytest.raises(ToolFailed, match="exited with 3: the reason"):
        process.run(["sh", "-c", "echo the reason >&2; exit 3"])


def test_a_missing_program_is_a_failure_like_any_other() -> None:
    with pytest.raises(ToolFailed, match="127"):
        process.run(["no-such-program"])


def test_a_command_past_its_time_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(TimedOut, match="sleep"):
        process.run(["sh", "-c", f"(sleep 1; touch {mark}) & sleep 30"], within_s=0.2)
    with pytest.raises(TimedOut):
        wait.until(lambda: _there(mark), waited_for="the child", within_s=1.5)


def _there(path: Path) -> None:
    if not path.exists():
        raise wait.NotYet("no file")


def test_a_daemon_runs_on_without_a_word(tmp_path: Path) -> None:
    process.daemon(["sh", "-c", "echo up; sleep 2"], log=tmp_path / "log")
    gc.collect()  # a forgotten handle would be warned of here, and warnings are errors
    wait.until(lambda: _says(tmp_path / "log", "up"), waited_for="the daemon", within_s=5, every_s=0.05)


def _says(path: Path, text: str) -> None:
    if text not in path.read_text():
        raise wait.NotYet("nothing")


def test_a_wait_says_what_it_saw_last() -> None:
    with pytest.raises(TimedOut, match="waited 0 s for the file; last seen: no file"):
        wait.until(lambda: _there(Path("/nowhere")), waited_for="the file", within_s=0.1, every_s=0.02)


def test_other_errors_go_through_a_wait() -> None:
    with pytest.raises(ZeroDivisionError):
        wait.until(lambda: 1 / 0, waited_for="nothing", within_s=5)


def test_all_finish_before_the_first_failure_is_raised() -> None:
    done = []

    def work(n: int) -> None:
        if n == 1:
            raise ToolFailed(["x"], 1, "first")
        done.append(n)

    with pytest.raises(ToolFailed, match="first"):
        parallel.for_each([1, 2, 3], work)
    assert done == [2, 3]


def ever() -> None:
    wait.until(lambda: _there(Path("/nowhere")), waited_for="ever", within_s=30)


def test_together_the_first_failure_ends_them_all() -> None:
    def fails() -> None:
        raise ToolFailed(["x"], 1, "first")

    start = time.monotonic()
    with pytest.raises(ToolFailed, match="first"):
        parallel.all_or_none({"one": ever, "two": fails, "three": ever}, within_s=30)
    assert time.monotonic() - start < 10


def test_together_they_end_when_their_time_is_up_and_it_is_said_which_had_not() -> None:
    start = time.monotonic()
    with pytest.raises(TimedOut, match="waited 0 s for two, three; last seen: ever: no file"):
        parallel.all_or_none({"one": int, "two": ever, "three": partial(process.run, ["sleep", "30"])}, within_s=0.3)
    assert time.monotonic() - start < 10


def test_an_interruption_ends_commands_and_waits_in_other_threads() -> None:
    ended: list[str] = []

    def command() -> None:
        try:
            process.run(["sleep", "30"])
        except ToolFailed:
            ended.append("command")

    def waiting() -> None:
        try:
            wait.until(lambda: _there(Path("/nowhere")), waited_for="ever", within_s=30)
        except Interrupted:
            ended.append("wait")

    def stop() -> None:
        with wait.cancelled():
            process.kill_all()
            for thread in threads[:2]:
                thread.join(5)

    threads = [threading.Thread(target=target) for target in (command, waiting, stop)]
    start = time.monotonic()
    for thread in threads[:2]:
        thread.start()
    wait.until(_one_runs, waited_for="the command to run", within_s=5, every_s=0.01)
    threads[2].start()
    for thread in threads:
        thread.join(10)
    assert sorted(ended) == ["command", "wait"]
    assert time.monotonic() - start < 10


def _one_runs() -> None:
    if not process._running:
        raise wait.NotYet("nothing runs")
