"""Did the events of the run happen in an order in which they prove something?"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from harness.checks.check import DRILL, EVERY, check, passed, unknown
from harness.core.model import Event, Finding, Json
from harness.core.reason import Reason
from harness.evidence.run_directory import MOVE, PROOF, Run

_IN_ORDER = ("T0", "T1", "T3", "T4", "T5", "T6", "T7", "T8", "T9")
"""Marks in the order in which they are recorded. T2 is known only afterwards, so its event has its own time."""


@dataclass(frozen=True)
class _Place:
    """The steps in which events of one kind belong, and the marks that they must follow or precede."""

    kind: str
    steps: Sequence[str]
    data: Mapping[str, Json] = field(default_factory=dict)
    after: str = ""
    before: str = ""

    @property
    def label(self) -> str:
        return " ".join((self.kind, *map(str, self.data.values())))


_FILE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_PLACES: Mapping[str, Sequence[_Place]] = {
    kind: (
        *(_Place("mark", (step,), {"mark": mark}) for mark, step in _FILE[name]["marks"].items()),
        *(_Place(**row) for row in _FILE[name]["events"]),
    )
    for kind, name in ((DRILL, "drill"), (PROOF, "proof"), (MOVE, "migration"))
}


@check("events-in-order", *EVERY)
def events_in_order(run: Run) -> Finding:
    """Steps, marks and readings were recorded in the order in which they prove something, and no mark is missing.

    A digest of before the backup that was taken after the restore would be compared with itself; a service that took
    writes before the damage was seen has a negative RTO.
    """
    first = {str(event.data.get("mark")): event.seq for event in reversed(run.of("mark"))}
    if wrong := tuple(dict.fromkeys((*_steps(run), *_misplaced(run, first), *_unordered(run, first)))):
        detail = f"recorded out of order: {', '.join(wrong)}"
        return unknown(Reason.EventsOutOfOrder, detail, objects=wrong)
    if missing := tuple(mark for mark in _expected_marks(run) if mark not in first):
        detail = f"the journal lacks the marks {', '.join(missing)}"
        return unknown(Reason.MarkMissing, detail, objects=missing)
    return passed(f"all {len(run.events)} events are in order")


def _steps(run: Run) -> Iterator[str]:
    wanted = [(step, phase) for step in run.steps for phase in ("start", "end")]
    position = -1
    for event in run.of("step"):
        this = (str(event.data.get("step")), str(event.data.get("phase")))
        if this[1] == "failed":
            continue
        if this not in wanted or wanted.index(this) <= position:
            yield f"step {this[0]} {this[1]}"
        else:
            position = wanted.index(this)


def _misplaced(run: Run, first: Mapping[str, int]) -> Iterator[str]:
    """The events that are in a step, or on a side of a mark, where they do not belong."""
    for event, step in _within_steps(run):
        for place in _PLACES.get(run.kind, _PLACES[DRILL]):
            if event.kind != place.kind or any(event.data.get(key) != value for key, value in place.data.items()):
                continue
            early = place.after in first and event.seq < first[place.after]
            late = place.before in first and event.seq > first[place.before]
            if step not in place.steps or early or late:
                yield place.label
        if event.kind == "fault" and event.data.get("phase") == "injected" and event.data.get("step") != step:
            yield f"fault {event.data.get('name')}"


def _within_steps(run: Run) -> Iterator[tuple[Event, str]]:
    """Every event with the step during which it was recorded; "" between steps."""
    step = ""
    for event in run.events:
        if event.kind == "step":
            step = str(event.data.get("step")) if event.data.get("phase") == "start" else ""
        else:
            yield event, step


def _unordered(run: Run, first: Mapping[str, int]) -> Iterator[str]:
    for earlier, later in pairwise(mark for mark in _IN_ORDER if mark in first):
        if first[later] < first[earlier]:
            yield f"mark {later}"
    if "T0" in run.marks and run.marks.get("T2", run.marks["T0"]) < run.marks["T0"]:
        yield "mark T2"


def _expected_marks(run: Run) -> tuple[str, ...]:
    """The marks of a run that neither failed nor was meant to; another check names what is missing there."""
    if run.of("recovery-failed") or run.of("error") or (run.kind == "" and run.expected_findings):
        return ()
    if run.kind in {PROOF, MOVE}:
        return tuple(str(place.data["mark"]) for place in _PLACES[run.kind] if place.kind == "mark")
    after = (*(("T5",) if run.plan.restore else ()), "T6", "T7", "T8", "T9")
    return ("T0", "T1", *(("T2", "T3", "T4", *after) if "break" in run.steps else ()))
