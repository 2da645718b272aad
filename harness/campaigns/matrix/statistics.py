"""How often a recovery came back, and how sure that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

from harness.core.model import Verdict

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Survival:
    """What repeated drills came to; those that could not be judged tell of nothing."""

    passed: int
    failed: int
    unknown: int

    @property
    def judged(self) -> int:
        """How many drills say anything."""
        return self.passed + self.failed

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between which shares of all drills the true one lies, by Wilson's score interval; None if none was judged.

        Wilson, JASA 22 (1927), 209-212: it holds where all drills passed, or few were made.
        """
        if not self.judged:
            return None
        share, spread = self.passed / self.judged, _Z**2 / self.judged
        middle = (share + spread / 2) / (1 + spread)
        half = _Z / (1 + spread) * (share * (1 - share) / self.judged + spread / (4 * self.judged)) ** 0.5
        # Rounding must not shut out the very share that was seen.
        return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))

    def __str__(self) -> str:
        """`3 of 4 came back (75 %; with 95 % confidence 30 to 95 %)`."""
        words = f"{self.passed} of {self.judged} came back"
        if self.interval:
            low, high = self.interval
            words += f" ({self.passed / self.judged:.0%}; with {CONFIDENCE:.0%} confidence {low:.0%} to {high:.0%})"
        return f"{words}; {self.unknown} could not be judged" if self.unknown else words


def survival(verdicts: Iterable[Verdict]) -> Survival:
    """What drills of these verdicts come to."""
    count = Counter(verdicts)
    return Survival(count[Verdict.PASS], count[Verdict.FAIL], count[Verdict.UNKNOWN])
