"""What one drill leaves to the next: a cluster whose stores were read back whole, with their known data.

To make a cluster and fill it takes longer than most disasters, so many drills may follow one another on one. That is
honest only where the stores are what they were: the drill before passed, and its stores were either never broken or
proved equal on every member, in the place where they now are. And the next drill does not take that on trust: what
its members show before the backup must be what they showed to the drill before (the check `taken-over`).
"""

from __future__ import annotations

import hashlib
import json

from harness.model import Event, Left
from harness.rundir import Run


def left_by(run: Run) -> Left | None:
    """What a drill that passed left; None if its stores are not what they were."""
    shown = fingerprints(run)
    broken = "break" in run.steps and run.noticed_by
    if broken or not all(shown.get(member) for _, member in run.each_member()):
        return None
    return Left(run.path.name, shown)


def fingerprints(run: Run) -> dict[str, str]:
    """What each member showed before the backup, by member."""
    return {str(event.data.get("member")): _fingerprint(event) for event in run.of("digest", when="before")}


def _fingerprint(event: Event) -> str:
    parts = json.dumps(event.data.get("parts"), sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()
