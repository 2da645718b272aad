"""The figures of a proof. Pure: from a run's facts and events.

Unlike in a drill nothing broke and no client wrote, and the former data are known only from fingerprints. So RTO and
RPO are defined differently, and what is not proved is listed (see `harness.checks.not_proved`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.checks.check import about, objects_of
from harness.core.json import at
from harness.core.model import Event, Finding, Json
from harness.evidence.marks import marks

EQUAL, SOUND = "equal", "sound"
"""What is asked: whether the data equal their fingerprints, or only whether the databases are sound."""

_OF_USERS = re.compile(r"(.*: )?table |keys$")
"""The parts that hold user data; an empty database has the others, too."""


@dataclass(frozen=True)
class Judged:
    key: str
    kind: str
    place: str  # namespace/pod
    fingerprint: str  # the path of its fingerprint; "" where none was taken
    copied: bool = True  # whether the backup has a copy of any volume of its pod
    moved: bool = False  # whether it has one that Velero's data mover made of a snapshot

    def __post_init__(self) -> None:
        if not self.key or not self.kind or not self.place:
            raise ValueError("a database without a name")

    def named(self, finding: Finding) -> Finding:
        return about(finding, self.kind, self.place)


def databases(facts: Mapping[str, Json]) -> tuple[Judged, ...]:
    """All databases by run.json, so that none can go missing. ValueError if it names none, or one twice."""
    found = tuple(map(_judged, objects_of(facts, "databases")))
    if not found or len({each.key for each in found}) < len(found):
        raise ValueError("run.json names no databases")
    return found


def _judged(each: Mapping[str, Json]) -> Judged:
    key, kind, place, fingerprint = (str(each.get(name) or "") for name in ("key", "kind", "place", "fingerprint"))
    copied, moved = each.get("copied") is not False, each.get("moved") is True
    return Judged(key, kind, place, fingerprint, copied=copied, moved=moved)


def since(events: Sequence[Event], step: str, mark: str) -> float | None:
    """Seconds from the start of a step to a mark; None if either was not reached."""
    begun = [event.at_s for event in events if event.kind == "step" and event.data.get("step") == step]
    reached = marks(events).get(mark)
    return None if not begun or reached is None else round(reached - begun[0], 3)


def rpo_s(events: Sequence[Event]) -> float | None:
    """The worst of all databases with timestamps in their rows; None if there is none, or one could not be read.

    Also None where a row is newer than the restore: another restored program wrote it, and it hides the others.
    """
    ages = ages_s(events)
    asked = (event for event in events if event.kind == "newest" or event.data.get("what") == "newest")
    return (
        max(ages.values(), default=None) if {str(event.data.get("store")) for event in asked} == ages.keys() else None
    )


def age_s(facts: Mapping[str, Json], events: Sequence[Event]) -> float | None:
    """The age of the backup when the restore was requested, in seconds; None if unknown."""
    return _before_restore_s(events, at(facts, "backup", "started"))


def ages_s(events: Sequence[Event]) -> dict[str, float]:
    """The age of each database's newest row when the restore was requested, in seconds, by the database's key."""
    newest = {str(event.data.get("store")): event.data.get("newest") for event in events if event.kind == "newest"}
    ages = {key: _before_restore_s(events, moment) for key, moment in newest.items()}
    return {key: age for key, age in ages.items() if age is not None}


def _before_restore_s(events: Sequence[Event], moment: Json) -> float | None:
    """Seconds from a moment to the request of the restore, by the wall clock; None if it is unknown, or later."""
    requested = next((each.at for each in events if each.kind == "mark" and each.data.get("mark") == "T4"), "")
    try:
        age = (datetime.fromisoformat(requested) - datetime.fromisoformat(str(moment))).total_seconds()
    except (ValueError, TypeError):  # no time, one without a zone, or no restore
        return None
    return age if age >= 0 else None


def rows(parts: Mapping[str, Json]) -> int:
    """How many rows of user data a digest has."""
    counts = (part.get("rows") for name, part in parts.items() if _OF_USERS.match(name) and isinstance(part, dict))
    return sum(count for count in counts if isinstance(count, int))
