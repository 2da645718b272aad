"""How long the digest of a table takes, beside one full scan of it by its own database."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Seconds:
    """What one table took, by the client's clock; the shortest of some rounds."""

    scan_s: float
    digest_s: float

    @property
    def ratio(self) -> float:
        """How many scans the digest costs."""
        return self.digest_s / self.scan_s


def compared(scan: Callable[[], object], digest: Callable[[], object], rounds: int) -> Seconds:
    """Both in turns. The best of `rounds` counts, since whatever else the machine does can only add to it."""
    turns = [(_took(scan), _took(digest)) for _ in range(rounds)]
    scans, digests = zip(*turns, strict=True)
    return Seconds(min(scans), min(digests))


def _took(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun
