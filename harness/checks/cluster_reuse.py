"""Did the drill begin with the data that it was said to begin with?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from harness.core.model import Finding, Json, ReusableState, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import Run


class ReusedStateUnchanged:
    """A drill that takes over the stores of an earlier one begins with the very data that were proved whole there.

    Else a loss that nobody noticed then would be the measure of all that follows. A drill that seeds its own stores
    has no such question.
    """

    name = "taken-over"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding, or none where nothing was taken over."""
        taken = run.of("taken-over")
        if not taken:
            return ()
        whose, left = (taken[-1].data.get(key) for key in ("run", "digests"))
        if odd := differing(run, left if isinstance(left, Mapping) else {}):
            detail = f"not what the drill {whose} left: {', '.join(odd)}"
            hint = "drill on a new cluster: with one scenario, or with --fresh"
            return (Finding(self.name, Verdict.UNKNOWN, Reason.ReusedStateDiffers, detail, hint, objects=odd),)
        detail = f"all members began as the drill {whose} left them"
        return (Finding(self.name, Verdict.PASS, Reason.AsExpected, detail),)


OBJECTS = "objects of the namespace"
VOLUMES = "kinds of its volumes"


def left_by(run: Run) -> ReusableState | None:
    """What a drill that passed left; None if its stores are not what they were, or nobody knows."""
    broken = "break" in run.steps and run.expected_findings
    made_otherwise = any(step == "seed" for _, step in run.faults)
    shown = fingerprints(run)
    if broken or made_otherwise or run.plan.move or not all(shown.get(name) for name in _asked(run)):
        return None
    return ReusableState(run.path.name, shown)


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
