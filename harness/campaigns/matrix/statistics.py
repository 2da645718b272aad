"""How often a recovery succeeded, with its confidence interval."""

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
    """Verdicts of repeated drills; UNKNOWN ones do not count."""

    passed: int
    failed: int
    unknown: int

    @property
    def judged(self) -> int:
        """Number of drills with PASS or FAIL."""
        return self.passed + self.failed

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's score interval of the share that passed; None if none was judged.

        Wilson, JASA 22 (1927), 209-212: valid also if all drills passed, or for few drills.
        """
        if not self.judged:
            return None
        share, spread = self.passed / self.judged, _Z**2 / self.judged
        middle = (share + spread / 2) / (1 + spread)
        half = _Z / (1 + spread) * (share * (1 - share) / self.judged + spread / (4 * self.judged)) ** 0.5
        # Rounding must not exclude the observed share.
        return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))

    def __str__(self) -> str:
        """`3 of 4 came back (75 %; with 95 % confidence 30 to 95 %)`."""
        words = f"{self.passed} of {self.judged} came back"
        if self.interval:
            low, high = self.interval
            words += f" ({self.passed / self.judged:.0%}; with {CONFIDENCE:.0%} confidence {low:.0%} to {high:.0%})"
        return f"{words}; {self.unknown} could not be judged" if self.unknown else words


def survival(verdicts: Iterable[Verdict]) -> Survival:
    """Count verdicts."""
    count = Counter(verdicts)
    return Survival(count[Verdict.PASS], count[Verdict.FAIL], count[Verdict.UNKNOWN])
