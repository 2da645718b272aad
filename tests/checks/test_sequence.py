"""Whichever milestone of a good run is moved, or left out, the run is no proof any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from memory import Memory

from harness.checks.sequence import events_in_order
from harness.core.model import Event, Finding, Verdict
from harness.core.reason import Reason
from harness.evidence import journal
from harness.evidence.run_directory import Run
from harness.selftest import good_runs

Good = Callable[[Path], Path]
MILESTONES = ("step", "mark", "backup", "restore", "digest", "objects", "listing", "frozen", "sound")
ANYWHERE = {("digest", "after"), ("objects", "after"), ("sound", None), ("mark", "T2"), ("listing", "after")}
"""They may come at more than one moment of their step, and still prove what they say."""


def drill(folder: Path) -> Path:
    memory = Memory(folder)
    memory.drill()
    return memory.path


def judged(run: Path, events: tuple[Event, ...]) -> Finding:
    (run / "journal.jsonl").unlink()
    journal.write(run / "journal.jsonl", events)
    (finding,) = events_in_order(Run(run))
    return finding


def of(event: Event) -> tuple[str, object]:
    return event.kind, event.data.get("mark") or event.data.get("when")


def moved(events: tuple[Event, ...], at: int, to: int) -> tuple[Event, ...]:
    """The same events, but that at `at` is recorded as the one at `to`, at its time."""
    rest = [*events[:at], *events[at + 1 :]]
    rest.insert(to, events[at])
    return tuple(replace(event, at_s=time.at_s) for event, time in zip(rest, events, strict=True))


def milestones(events: tuple[Event, ...]) -> Iterator[int]:
    return (n for n, event in enumerate(events) if event.kind in MILESTONES)


@pytest.mark.parametrize("good", [drill, good_runs.proof, good_runs.migration])
def test_a_milestone_that_is_moved_to_another_step_is_found(good: Good, tmp_path: Path) -> None:
    run = good(tmp_path)
    events = journal.read(run / "journal.jsonl")
    assert judged(run, events).verdict is Verdict.PASS
    steps = [n for n, event in enumerate(events) if event.kind == "step"]
    passed = []
    for at in milestones(events):
        for to in (steps[0], steps[-1] + 1):
            if to in {at, at + 1} or (to == steps[-1] + 1 and of(events[at]) in ANYWHERE):
                continue
            finding = judged(run, moved(events, at, to - 1 if to > at else to))
            if finding.verdict is Verdict.PASS:
                passed.append((of(events[at]), events[at].data.get("step"), to == steps[0]))
    assert passed == []


@pytest.mark.parametrize("good", [drill, good_runs.proof, good_runs.migration])
def test_a_mark_that_is_missing_is_found(good: Good, tmp_path: Path) -> None:
    run = good(tmp_path)
    events = journal.read(run / "journal.jsonl")
    marks = [n for n, event in enumerate(events) if event.kind == "mark"]
    assert len(marks) > 3
    for at in marks:
        finding = judged(run, events[:at] + events[at + 1 :])
        assert (finding.verdict, finding.reason) == (Verdict.UNKNOWN, Reason.MarkMissing)
        assert finding.objects == (events[at].data["mark"],)


@pytest.mark.parametrize("good", [drill, good_runs.proof, good_runs.migration])
def test_two_marks_that_change_places_are_found(good: Good, tmp_path: Path) -> None:
    run = good(tmp_path)
    events = journal.read(run / "journal.jsonl")
    marks = [n for n, event in enumerate(events) if event.kind == "mark" and event.data["mark"] != "T2"]
    for one, other in pairwise(marks):
        swapped = list(events)
        swapped[one] = replace(events[one], data=events[other].data)
        swapped[other] = replace(events[other], data=events[one].data)
        assert judged(run, tuple(swapped)).reason is Reason.EventsOutOfOrder
