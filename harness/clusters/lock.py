"""One drill at a time on a cluster."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from harness.errors import Misconfigured


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
