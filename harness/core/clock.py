"""The drill's one clock: monotonic seconds for every duration, wall clock for labels only."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Counts from the moment it was made, or goes on from where an earlier one was."""

    def __init__(self, since_s: float = 0) -> None:
        """`since_s` is what it shows at first."""
        self._start = time.monotonic() - since_s

    def now_s(self) -> float:
        """Seconds since the start, monotonic: unmoved by a wall clock that is set during the drill."""
        return round(time.monotonic() - self._start, 6)

    @staticmethod
    def label() -> str:
        """The wall clock, ISO 8601 in UTC."""
        return datetime.now(UTC).isoformat(timespec="milliseconds")
