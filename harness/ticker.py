"""Ticks: numbers that fall due one after another, the same ones at the same time for every store of a drill.

Each store writes once at each tick that it can keep up with. So after a restore, the ticks of the stores'
recovery points say how far the stores are apart.
"""

from __future__ import annotations

import threading

from harness.clock import Clock


class Ticker:
    """Holds nothing that changes: who is slow misses ticks, and delays nobody."""

    def __init__(self, clock: Clock, per_s: float, first: int = 1) -> None:
        """`per_s` ticks a second, on the drill's own clock; the first one is due now."""
        self._clock = clock
        self._per_s = per_s
        self._first = first
        self._start_s = clock.now_s()

    def now(self) -> int:
        """The tick that fell due last."""
        return self._first + int((self._clock.now_s() - self._start_s) * self._per_s)

    def after(self, tick: int, stop: threading.Event) -> int:
        """Wait until a tick after `tick` is due, or until `stop`; return the tick that fell due last."""
        due_s = self._start_s + (tick + 1 - self._first) / self._per_s
        stop.wait(max(0.0, due_s - self._clock.now_s()))
        return max(self.now(), tick + 1)
