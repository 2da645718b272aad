"""What one drill leaves to the next: a cluster whose stores were read back whole, with their known data.

To make a cluster and fill it takes longer than most disasters, so many drills may follow one another on one. That is
honest only where the stores are what they were: the drill before passed, and its stores were either never broken or
proved equal on every member, in the place where they now are. And the next drill does not take that on trust: what
its members show before the backup must be what they showed to the drill before (the check `taken-over`), and so must
the objects around them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from harness.model import Event, Json, Left
from harness.rundir import Run

OBJECTS = "objects of the namespace"


def left_by(run: Run) -> Left | None:
    """What a drill that passed left; None if its stores are not what they were, or nobody knows."""
    broken = "break" in run.steps and run.noticed_by
    made_otherwise = any(step == "seed" for _, step in run.faults)
    shown = fingerprints(run)
    if broken or made_otherwise or run.plan.move or not all(shown.get(name) for name in (OBJECTS, *_members(run))):
        return None
    return Left(run.path.name, shown)


def differing(run: Run, left: Mapping[str, Json]) -> tuple[str, ...]:
    """The members whose data before the backup are not what was `left`, and the namespace's objects if they are not."""
    shown = fingerprints(run)
    return tuple(name for name in (*_members(run), OBJECTS) if not shown.get(name) or shown[name] != left.get(name))


def fingerprints(run: Run) -> dict[str, str]:
    """What each member showed before the backup, by member, and the objects around them."""
    shown = [(str(event.data.get("member")), event) for event in run.of("digest", when="before")]
    shown += [(OBJECTS, event) for event in run.of("objects", when="before")]
    return {name: _fingerprint(event) for name, event in shown}


def _members(run: Run) -> tuple[str, ...]:
    return tuple(member for _, member in run.each_member())


def _fingerprint(event: Event) -> str:
    parts = json.dumps(event.data.get("parts"), sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()
