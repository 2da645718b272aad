"""The figures of a migration, and what it does not prove. Pure: from a run's facts and events.

Unlike in a drill nothing broke, and nothing may be lost. So its RTO is the time without writes, and the target must
equal the source when it was quiesced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.checks.check import objects_of, texts
from harness.core.json import at
from harness.core.model import Event, Json
from harness.evidence.marks import marks

DEFINITIONS: Mapping[str, str] = {
    "PASS": "every database of the target equals the same one of the source when it was quiesced, and the source did "
    "not change since; what a fingerprint does not contain is listed",
    "RTO": "from the stop of the source's writers to the end of reading the target: the time in which clients cannot "
    "write",
}


def downtime_s(events: Iterable[Event]) -> float | None:
    """Seconds from the start of the quiesce to the end of reading; None if that was not reached."""
    seen = tuple(events)
    begun = [event.at_s for event in seen if event.kind == "step" and event.data.get("step") == "freeze"]
    read = marks(seen).get("T9")
    return None if not begun or read is None else round(read - begun[0], 3)


def not_proved(facts: Mapping[str, Json], events: Iterable[Event]) -> tuple[str, ...]:
    """What this migration does not prove, in words."""
    return tuple(_not_proved(facts, tuple(events)))


def _not_proved(facts: Mapping[str, Json], events: tuple[Event, ...]) -> Iterator[str]:
    if uncopied := texts(at(facts, "backup", "uncopied")):
        yield f"the files of {', '.join(uncopied)} (not annotated for the backup)"
    if unread := list(_unread(facts, events)):
        why = "drillproof cannot read them; the backup tool reports them as restored"
        yield f"the files of {', '.join(unread)} ({why})"
    unready = [event.data.get("pods") for event in events if event.kind == "unready"]
    if unready and (pods := texts(unready[-1])):
        yield f"that these pods work: {', '.join(pods)} (not Ready)"
    yield "what a fingerprint does not contain, and that the target takes writes (it is resumed later)"


def _unread(facts: Mapping[str, Json], events: tuple[Event, ...]) -> Iterator[str]:
    """The requested volumes of pods that are not databases, and so are not read at the target."""
    read = {each.get("pod") for each in objects_of(facts, "databases")}
    requested = [event.data for event in events if event.kind == "protected"][-1:]
    for each in (volume for data in requested for volume in objects_of(data, "volumes")):
        if each.get("pod") not in read:
            yield f"{each.get('volume')} of {each.get('pod')}"
