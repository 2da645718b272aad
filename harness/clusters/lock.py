"""One drill at a time on a cluster."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path

from harness.core.errors import Misconfigured, TimedOut
from harness.core.wait import NotYet, until

_LOCKS = Path("/proc/locks")
_KILLED_S = 10.0


class Lock:
    """A lock on a file; the system drops it when this process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        """`path` is made when it is first taken."""
        self._path = path
        self._file: int | None = None

    def take(self, what: str) -> None:
        """Take it, or keep it. Misconfigured if another process has it."""
        if self._file is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise Misconfigured(f"another drill is using {what}; wait for it, or name another cluster") from error
        self._file = file

    def drop(self) -> None:
        """Give it back; may be called twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def is_taken(self) -> bool:
        """Whether a living process, this one included, has it."""
        if self._file is not None:
            return True
        if not self._path.exists():
            return False
        try:
            self.take("")
        except Misconfigured:
            return True
        self.drop()
        return False

    def evict(self, within_s: float) -> int | None:
        """End the process that has it, and return its id; None if none has. Misconfigured if it cannot be told which.

        It is asked to end as by Ctrl-C, so that it cleans up and judges what there is, and killed after `within_s`.
        """
        process = None
        for number, patience_s in ((signal.SIGTERM, within_s), (signal.SIGKILL, _KILLED_S)):
            if not self.is_taken():
                break
            process = self._holder()
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
            with contextlib.suppress(TimedOut):
                until(self._is_free, waited_for=f"process {process} to end", within_s=patience_s)
        return process

    def _is_free(self) -> None:
        if self.is_taken():
            raise NotYet("it is there")

    def _holder(self) -> int:
        here = self._path.stat()
        wanted = f"{os.major(here.st_dev):02x}:{os.minor(here.st_dev):02x}:{here.st_ino}"
        with contextlib.suppress(OSError):
            for line in _LOCKS.read_text(encoding="ascii").splitlines():
                _, kind, *_, process, file, _, _ = line.split()
                if kind == "FLOCK" and file == wanted and int(process) not in {0, os.getpid()}:
                    return int(process)
        raise Misconfigured(f"which process has {self._path} cannot be told here; end it, and try again")
