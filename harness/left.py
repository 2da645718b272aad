"""What one drill leaves to the next: a cluster whose stores were read back whole, with their known data.

To make a cluster and fill it takes longer than most disasters, so many drills may follow one another on one. That is
honest only where the stores are what they were: the drill before passed, and its stores were either never broken or
proved equal on every member, in the place where they now are. And the next drill does not take that on trust: what
its members show before the backup must be what they showed to the drill before (the check `taken-over`), and so must
the objects around them, and the kinds of volumes that all of it lies on, which decide what is backed up at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from harness.model import Json, Left
from harness.rundir import Run

OBJECTS = "objects of the namespace"
VOLUMES = "kinds of its volumes"


def left_by(run: Run) -> Left | None:
    """What a drill that passed left; None if its stores are not what they were, or nobody knows."""
    broken = "break" in run.steps and run.expected_findings
    made_otherwise = any(step == "seed" for _, step in run.faults)
    shown = fingerprints(run)
    if broken or made_otherwise or run.plan.move or not all(shown.get(name) for name in _asked(run)):
        return None
    return Left(run.path.name, shown)


def differing(run: Run, left: Mapping[str, Json]) -> tuple[str, ...]:
    """What was not before the backup as it was `left`: members by their data, the namespace's objects, its volumes."""
    shown = fingerprints(run)
    # A drill of before volumes were looked at says nothing of them.
    asked = [name for name in _asked(run) if name != VOLUMES or VOLUMES in left]
    return tuple(name for name in asked if not shown.get(name) or shown[name] != left.get(name))


def fingerprints(run: Run) -> dict[str, str]:
    """What each member showed before the backup, by member, the objects around them, and the kinds of volumes."""
    shown = [(str(event.data.get("member")), event.data.get("parts")) for event in run.of("digest", when="before")]
    shown += [(OBJECTS, event.data.get("parts")) for event in run.of("objects", when="before")]
    shown += [(VOLUMES, _kinds(event.data.get("volumes"))) for event in run.of("volumes", when="backup")]
    return {name: hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest() for name, parts in shown}


def _asked(run: Run) -> tuple[str, ...]:
    return (*(member for _, member in run.each_member()), OBJECTS, VOLUMES)


def _kinds(volumes: Json) -> Json:
    listed = volumes if isinstance(volumes, list | tuple) else ()
    return {str(each.get("claim")): each.get("kind") for each in listed if isinstance(each, Mapping)}
