"""What a migration was to judge, and the figures that come of it. Pure: from a run's facts and events.

A migration is no drill: nothing broke, and nothing may be lost. So its time is that for which nobody could write, and
what is at the target has to be what the source held when it was frozen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.core.model import Event, Json
from harness.evidence.marks import marks

DEFINITIONS: Mapping[str, str] = {
    "PASS": "every database of the target holds what the same one of the source held when it was frozen, and holds "
    "still; what is not in a fingerprint is named",
    "RTO": "from the moment at which the source's writers were told to stop to the end of the reading of the target: "
    "so long nobody can write",
}


def downtime_s(events: Iterable[Event]) -> float | None:
    """Seconds from the beginning of the freeze to all that was read; None if it never came to that."""
    told = tuple(events)
    begun = [event.at_s for event in told if event.kind == "step" and event.data.get("step") == "freeze"]
    read = marks(told).get("T9")
    return None if not begun or read is None else round(read - begun[0], 3)


def not_proved(facts: Mapping[str, Json], events: Iterable[Event]) -> tuple[str, ...]:
    """What nobody can conclude from this move, in words."""
    return tuple(_not_proved(facts, tuple(events)))


def _not_proved(facts: Mapping[str, Json], events: tuple[Event, ...]) -> Iterator[str]:
    backup = facts.get("backup")
    empty = backup.get("uncopied") if isinstance(backup, dict) else None
    if isinstance(empty, list) and empty:
        yield f"the files of {', '.join(map(str, empty))} (no annotation opts them in)"
    if unread := list(_unread(facts, events)):
        why = "no database holds them, so there is only the tool's word that they came"
        yield f"the files of {', '.join(unread)} ({why})"
    unready = [event.data.get("pods") for event in events if event.kind == "unready"]
    if unready and isinstance(unready[-1], list) and unready[-1]:
        yield f"that these pods work: {', '.join(map(str, unready[-1]))} (not Ready)"
    yield "what no fingerprint holds, and that the service takes writes there (nobody may write before it is let go)"


def _unread(facts: Mapping[str, Json], events: tuple[Event, ...]) -> Iterator[str]:
    """The volumes that were to be copied, of pods that are no databases: nobody reads these at the target."""
    listed = facts.get("databases")
    read = {each.get("pod") for each in (listed if isinstance(listed, list) else []) if isinstance(each, dict)}
    asked = [event.data.get("volumes") for event in events if event.kind == "protected"][-1:]
    for each in (volume for volumes in asked if isinstance(volumes, list | tuple) for volume in volumes):
        if isinstance(each, dict) and each.get("pod") not in read:
            yield f"{each.get('volume')} of {each.get('pod')}"
