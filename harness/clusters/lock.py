"""File locks: one process at a time. The kernel frees a lock when its process ends, also if it is killed.

Not the package filelock: it cannot name the holder, and falls back to a lock file that outlives a killed process.
"""

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from harness.core.errors import Misconfigured, TimedOut
from harness.core.wait import NotYet, until

SHARED_LOCK = ".shared-lock"
"""Ends the lock file of a run on a shared cluster, which needs no container engine; others end in `.lock`."""

_LOCKS = Path("/proc/locks")
_KILLED_S = 10.0
_LOOKED_AT_S = 0.2  # `is_held` of another process takes a free lock for a moment, which is no use of it


class Lock:
    """A lock on a file, by flock(2)."""

    def __init__(self, path: Path) -> None:
        """`path` is created when the lock is first acquired."""
        self._path = path
        self._file: int | None = None

    def acquire(self, what: str) -> None:
        """Acquire it, or keep it. Misconfigured, naming `what` it is for, if another process holds it."""

        def acquired() -> None:
            if not self.try_acquire():
                raise NotYet("another process holds it")

        try:
            until(acquired, waited_for="the lock", within_s=_LOOKED_AT_S, every_s=0.02)
        except TimedOut as error:
            refused = f"{what} is in use by another drill{self.by}; wait for its end, or use another one"
            raise Misconfigured(refused) from error

    def try_acquire(self, how: int = fcntl.LOCK_EX | fcntl.LOCK_NB) -> bool:
        """Acquire it, or keep it; False if another process holds it."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, how)
            except BlockingIOError:
                os.close(file)
                return False
            self._file = file
        return True

    @contextlib.contextmanager
    def waiting(self, wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold it for the block, however long that takes; `wait` is called first if another process holds it."""
        if not self.try_acquire():
            wait()
            self.try_acquire(fcntl.LOCK_EX)
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Give it back; may be called twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def is_held(self) -> bool:
        """Whether a living process, this one included, holds it."""
        if self._file is not None:
            return True
        if not self._path.exists():
            return False
        free = self.try_acquire(fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: several may look at once
        self.release()
        return not free

    def holder(self) -> int | None:
        """The process that holds it, if that is another one and the system tells."""
        with contextlib.suppress(OSError):
            here = self._path.stat()
            wanted = f"{os.major(here.st_dev):02x}:{os.minor(here.st_dev):02x}:{here.st_ino}"
            for line in _LOCKS.read_text(encoding="ascii").splitlines():
                _, kind, *_, process, file, _, _ = line.split()
                if kind == "FLOCK" and file == wanted and int(process) not in {0, os.getpid()}:
                    return int(process)
        return None

    @property
    def by(self) -> str:
        """The holder in parentheses, for messages; "" if it is not known."""
        process = self.holder()
        return f" (process {process})" if process else ""

    def evict(self, within_s: float) -> int | None:
        """End the process that holds it, and return its id; None if none does. Misconfigured if it is not known.

        The process gets SIGTERM, so that it cleans up and judges what there is, and SIGKILL after `within_s`.
        """
        process = None
        for number, patience_s in ((signal.SIGTERM, within_s), (signal.SIGKILL, _KILLED_S)):
            if not self.is_held():
                break
            process = self.holder()
            if process is None:
                raise Misconfigured(f"the process that holds {self._path} is not known; end it, then try again")
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
            with contextlib.suppress(TimedOut):
                until(self._require_free, waited_for=f"process {process} to end", within_s=patience_s)
        return process

    def _require_free(self) -> None:
        if self.is_held():
            raise NotYet("the lock is still held")


def held(folder: Path) -> Mapping[str, str]:
    """The locks in a folder that living processes hold: `one` for `one.lock`, each with `Lock.by`."""
    locks = {path.stem: Lock(path) for path in sorted(folder.glob("*.lock"))}
    return {name: lock.by for name, lock in locks.items() if lock.is_held()}
