"""Whether a drill on a reused cluster began with the data that the earlier drill proved."""

import hashlib
import json
from collections.abc import Mapping

from harness.checks.check import check, latest, objects_of, passed, unknown
from harness.core.json import mapping
from harness.core.model import Finding, Json, ReusableState
from harness.core.reason import Reason
from harness.evidence.run_directory import Run

OBJECTS = "objects of the namespace"
VOLUMES = "kinds of its volumes"


@check("taken-over")
def reused_state_unchanged(run: Run) -> Finding | tuple[()]:
    """A drill that reuses the stores of an earlier one begins with exactly the data that were proved there.

    Otherwise a loss that was missed then would become the reference. A drill that seeds its own stores has no finding.
    """
    reused = latest(run, "taken-over")
    if reused is None:
        return ()
    earlier = reused.get("run")
    if odd := differing(run, mapping(reused, "digests")):
        detail = f"differs from what drill {earlier} left: {', '.join(odd)}"
        return unknown(Reason.ReusedStateDiffers, detail, objects=odd)
    return passed(f"all members began as drill {earlier} left them")


def left_by(run: Run) -> ReusableState | None:
    """What a passed drill leaves to the next; None if its stores changed, or their state is unknown."""
    broken = "break" in run.steps and run.expected_findings
    made_otherwise = any(step == "seed" for _, step in run.faults)
    shown = fingerprints(run)
    if broken or made_otherwise or run.plan.move or not all(shown.get(name) for name in _compared(run)):
        return None
    return ReusableState(run.path.name, shown)


def differing(run: Run, left: Mapping[str, Json]) -> tuple[str, ...]:
    """What differed before the backup from what was `left`: members, the namespace's objects, the kinds of volumes."""
    shown = fingerprints(run)
    # Older drills did not record the kinds of volumes.
    compared = [name for name in _compared(run) if name != VOLUMES or VOLUMES in left]
    return tuple(name for name in compared if not shown.get(name) or shown[name] != left.get(name))


def fingerprints(run: Run) -> dict[str, str]:
    """SHA-256 of what existed before the backup: each member's data, the objects, and the kinds of volumes."""
    shown = [(str(event.data.get("member")), event.data.get("parts")) for event in run.of("digest", when="before")]
    shown += [(OBJECTS, event.data.get("parts")) for event in run.of("objects", when="before")]
    shown += [(VOLUMES, _kinds(event.data)) for event in run.of("volumes", when="backup")]
    return {name: hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest() for name, parts in shown}


def _compared(run: Run) -> tuple[str, ...]:
    return (*(member for _, member in run.each_member()), OBJECTS, VOLUMES)


def _kinds(event: Mapping[str, Json]) -> Json:
    return {str(each.get("claim")): each.get("kind") for each in objects_of(event, "volumes")}
