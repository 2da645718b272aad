"""The only place that starts processes. Commands are argv lists, never shell strings."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.core.errors import TimedOut, ToolFailed

_running: set[int] = set()
starts: Counter[str] = Counter()  # how many processes were started here, by the name of their program
TAIL_LINES = 20  # how much of a failed command's output goes into its error


@dataclass(frozen=True)
class Output:
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
    register: Path | None = None,
) -> Output:
    """Run `argv` to its end and return what it printed.

    `env` is added to this process's environment. With `check`, an exit code other than 0 raises
    ToolFailed. Past `within_s` seconds the command and its children are killed: TimedOut. While it runs it is one of
    the `registered` processes of the folder `register`.
    """
    command = _counted(argv)
    try:
        # A file, not a pipe: `communicate`, called again after its timeout, does not write the rest.
        with tempfile.TemporaryFile() as given:
            given.write((stdin or "").encode("utf-8", "replace"))
            given.seek(0)
            process = subprocess.Popen(
                command,
                stdin=given,
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
    with _tracked(process.pid, register):
        try:
            stdout, stderr = _communicate(process, within_s)
        except subprocess.TimeoutExpired as error:
            stdout, stderr = _kill(process)
            raise TimedOut(f"`{' '.join(command)[:200]}`", within_s, tail(stderr or stdout)) from error
        except BaseException:
            _kill(process)
            raise
    if check and process.returncode != 0:
        raise ToolFailed(command, process.returncode, tail(stderr or stdout))
    return Output(stdout, stderr, process.returncode)


def _counted(argv: Sequence[str | Path]) -> list[str]:
    command = [str(word) for word in argv]
    starts[Path(command[0]).name] += 1
    return command


def _communicate(process: subprocess.Popen[str], within_s: float) -> tuple[str, str]:
    """Its output. Time in which we were stopped ourselves (SIGSTOP) counts as a second at most: it was not slow."""
    while True:
        try:
            return process.communicate(timeout=min(1.0, within_s))
        except subprocess.TimeoutExpired:
            within_s -= 1
            if within_s <= 0:
                raise


def run_logged(
    argv: Sequence[str | Path],
    log: Path,
    *,
    within_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    register: Path | None = None,
) -> None:
    """Run `argv` with all its output appended to the file `log`; for builds and other long commands."""
    command = [str(word) for word in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file, spawn(command, output=file, env=env, cwd=cwd, register=register) as process:
        try:
            exit_code = process.wait(within_s)
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"`{' '.join(command)[:200]}`", within_s, tail(_end_of(log))) from error
    if exit_code != 0:
        raise ToolFailed(command, exit_code, f"{tail(_end_of(log))}\n(all of it: {log})")


@contextlib.contextmanager
def spawn(
    argv: Sequence[str | Path],
    *,
    output: IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    grace_s: float = 5,
    apart: bool = False,
    register: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `argv` for as long as the block lasts; at the end send SIGTERM, and after `grace_s` SIGKILL.

    Its children get the signals, too. Its output goes to `output`, an open file, or nowhere. With `apart`, `kill_all`
    spares it.
    """
    command = _counted(argv)
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
    with _tracked(process.pid, register, apart=apart):
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
    """Run `argv` with our standard output, call `listen` with each line of its standard error, return its exit code.

    Past `within_s` seconds, or when we are interrupted, it gets SIGTERM, so that it can clean up; after `grace_s` more
    it is killed. None if it ran out of time.
    """
    command = _counted(argv)
    ours, its = os.pipe()
    reader = threading.Thread(target=_read_lines, args=(ours, listen), daemon=True)
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=its, env={**os.environ, **(env or {})}, start_new_session=True
        )
    except OSError as error:
        os.close(ours)
        raise ToolFailed(command, 127, str(error)) from error
    finally:
        os.close(its)
    reader.start()
    with _tracked(process.pid):
        try:
            return process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _running.discard(process.pid)
            _kill(process, grace_s)
            reader.join(5)  # something that outlives it may hold its end of the pipe


def _read_lines(pipe: int, listen: Callable[[str], None]) -> None:
    with os.fdopen(pipe, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            listen(line.rstrip("\n"))


def daemon(argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None) -> None:
    """Start `argv` as a process that outlives this one, its output in `log`. Needs util-linux' setsid.

    It becomes a child of init, so this process need not wait for its end.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        subprocess.run(
            ["setsid", "--fork", *(str(word) for word in argv)],  # noqa: S607 # where the system has it
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            check=True,
        )


def registered(folder: Path) -> tuple[int, ...]:
    """The processes that were started with `register=folder` and still live, also if their starter was killed.

    Each is known by its id and its start time, so that no later process of the same id is taken for it. None where
    there is no /proc.
    """
    living = []
    for record in sorted(folder.glob("[0-9]*")):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if (started := record.read_text(encoding="ascii")) and started == _started(int(record.name)):
                living.append(int(record.name))
    return tuple(living)


@contextlib.contextmanager
def _tracked(pid: int, register: Path | None = None, *, apart: bool = False) -> Iterator[None]:
    """Note that a process runs, for `kill_all` and in a folder whose parent exists, until the block ends."""
    if not apart:
        _running.add(pid)
    record = register / str(pid) if register and register.parent.is_dir() else None
    try:
        if record:
            record.parent.mkdir(exist_ok=True)
            record.write_text(_started(pid), encoding="ascii")
        yield
    finally:
        _running.discard(pid)
        if record:
            record.unlink(missing_ok=True)


def _started(pid: int) -> str:
    """When a process started: the boot, and the ticks since then; "" if there is none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The program's name, in parentheses, may hold spaces; the start time is the 20th field after it.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{boot} {fields[19]}"


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


def tail(text: str) -> str:
    """The last lines of an output, as errors show them."""
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])
