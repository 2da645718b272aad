"""The drill's one clock: monotonic seconds for every duration, wall clock for labels only."""

import time
from datetime import UTC, datetime


def _elapsed_s() -> float:
    """Seconds that include the time a machine sleeps, where the system has such a clock (Linux).

    CLOCK_MONOTONIC stops while a laptop sleeps: an RTO of three hours became 0.0 s.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Clock:
    """Counts from its creation, or continues an earlier clock that showed `since_s`."""

    def __init__(self, since_s: float = 0) -> None:
        self._start = _elapsed_s() - since_s

    def now_s(self) -> float:
        """Seconds since the start; setting the wall clock during the drill does not change them."""
        return round(_elapsed_s() - self._start, 6)

    @staticmethod
    def label() -> str:
        """The wall clock, ISO 8601 in UTC."""
        return datetime.now(UTC).isoformat(timespec="milliseconds")
