"""The only place that starts processes. Commands are argv lists, never shell strings."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.core.errors import TimedOut, ToolFailed

_running: set[int] = set()

TAIL_LINES = 20
"""How much of a failed command's output goes into its error."""


@dataclass(frozen=True)
class Output:
    """What a finished command printed."""

    stdout: str
    stderr: str
    exit_code: int


def run(
    argv: Sequence[str | Path],
    *,
    within_s: float = 60,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    check: bool = True,
) -> Output:
    """Run `argv` to its end and return what it printed.

    `env` is added to this process's environment. With `check`, an exit code other than 0 raises
    ToolFailed. Past `within_s` seconds the command and its children are killed: TimedOut.
    """
    command = [str(word) for word in argv]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,  # Ctrl-C reaches only us, and a kill reaches all of its children
        )
    except OSError as error:
        raise ToolFailed(command, 127, str(error)) from error
    _running.add(process.pid)
    try:
        stdout, stderr = process.communicate(stdin, timeout=within_s)
    except subprocess.TimeoutExpired as error:
        stdout, stderr = _kill(process)
        raise TimedOut(f"`{' '.join(command)[:200]}`", within_s, _tail(stderr or stdout)) from error
    except BaseException:
        _kill(process)
        raise
    finally:
        _running.discard(process.pid)
    if check and process.returncode != 0:
        raise ToolFailed(command, process.returncode, _tail(stderr or stdout))
    return Output(stdout, stderr, process.returncode)


def run_logged(
    argv: Sequence[str | Path],
    log: Path,
    *,
    within_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run `argv` with all its output appended to the file `log`; for builds and other long commands."""
    command = [str(word) for word in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file, spawn(command, output=file, env=env, cwd=cwd) as process:
        try:
            exit_code = process.wait(within_s)
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"`{' '.join(command)[:200]}`", within_s, _tail(_end_of(log))) from error
    if exit_code != 0:
        raise ToolFailed(command, exit_code, f"{_tail(_end_of(log))}\n(all of it: {log})")


@contextlib.contextmanager
def spawn(
    argv: Sequence[str | Path],
    *,
    output: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    grace_s: float = 5,
    apart: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `argv` for as long as the block lasts; at the end tell it to stop, and after `grace_s` kill it.

    So with all its children. Its output goes to `output`, an open file, or nowhere. One that is `apart` has work of its
    own, and a step that ends here ends nothing there: see `kill_all`.
    """
    command = [str(word) for word in argv]
    sink = output if output is not None else subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolFailed(command, 127, str(error)) from error
    if not apart:
        _running.add(process.pid)
    try:
        yield process
    finally:
        _running.discard(process.pid)
        _kill(process, grace_s)


def supervise(
    argv: Sequence[str | Path],
    *,
    within_s: float,
    grace_s: float,
    listen: Callable[[str], None],
    env: Mapping[str, str] | None = None,
) -> int | None:
    """Run `argv` with our standard output, tell `listen` each line of its standard error, return its exit code.

    Past `within_s` seconds, or when we are interrupted, it is told to stop, so that it can clean up; after `grace_s`
    more it is killed. None if it ran out of time.
    """
    command = [str(word) for word in argv]
    ours, its = os.pipe()
    told = threading.Thread(target=_read_lines, args=(ours, listen), daemon=True)
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=its, env={**os.environ, **(env or {})}, start_new_session=True
        )
    except OSError as error:
        os.close(ours)
        raise ToolFailed(command, 127, str(error)) from error
    finally:
        os.close(its)
    told.start()
    _running.add(process.pid)
    try:
        return process.wait(within_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _running.discard(process.pid)
        _kill(process, grace_s)
        told.join(5)  # something that outlives it may hold its end of the pipe


def _read_lines(pipe: int, listen: Callable[[str], None]) -> None:
    with os.fdopen(pipe, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            listen(line.rstrip("\n"))


def daemon(argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None) -> None:
    """Start `argv` as a process that outlives this one, its output in `log`. Wants util-linux' setsid.

    It becomes a child of init, so it can end at any time without this process having to know.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        subprocess.run(
            ["setsid", "--fork", *(str(word) for word in argv)],  # noqa: S607 # wherever the system has it
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            check=True,
        )


def kill_all() -> None:
    """End every command that `run` or `spawn` has under way in any thread, but for those apart; callers see it fail."""
    for pid in tuple(_running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _kill(process: subprocess.Popen[str] | subprocess.Popen[bytes], grace_s: float = 5) -> tuple[str, str]:
    """End a process and all its children; return what was left in its pipes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    try:
        left = process.communicate(timeout=5)
    except (subprocess.TimeoutExpired, ValueError):
        return "", ""
    return tuple(part if isinstance(part, str) else "" for part in left)  # type: ignore[return-value] # two pipes, two parts


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        return file.read().decode(errors="replace")


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])
