"""Short journals written by hand: in order they are a proof, and with one event elsewhere they are none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hand import Event, run

from harness.checks.sequence import events_in_order
from harness.core.model import MOVE_STEPS, PROOF_STEPS, STEPS, Finding, Json, Plan, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import MOVE, PROOF


def during(step: str, *events: Event) -> tuple[Event, ...]:
    return ("step", {"step": step, "phase": "start"}), *events, ("step", {"step": step, "phase": "end"})


def mark(name: str, at_s: float | None = None) -> Event:
    return "mark", {"mark": name} if at_s is None else {"mark": name, "at_s": at_s}


def when(kind: str, moment: str) -> Event:
    return kind, {"when": moment}


INJECTED: Event = ("fault", {"name": "loss", "phase": "injected", "step": "break"})
UNDONE: Event = ("fault", {"name": "loss", "phase": "undone", "step": "break"})
BACKUP: tuple[Event, ...] = (when("digest", "before"), mark("T0", 1), ("backup", {}), mark("T1", 2))
BREAK: tuple[Event, ...] = (when("health", "before"), INJECTED, mark("T2", 1), mark("T3", 3))
RESTORE: tuple[Event, ...] = (mark("T4", 4), ("restore", {}), mark("T5", 5), mark("T6", 6))
READBACK: tuple[Event, ...] = (
    mark("T7", 7),
    when("digest", "after"),
    mark("T8", 8),
    ("write", {}),
    UNDONE,
    mark("T9", 9),
)
DRILL = (
    *during("up"),
    *during("deploy"),
    *during("seed"),
    *during("backup", *BACKUP),
    *during("write"),
    *during("break", *BREAK),
    *during("restore", *RESTORE),
    *during("readback", *READBACK),
)
PROVED = (
    when("listing", "before"),
    *during("up"),
    *during("fetch"),
    *during("restore", ("backup", {}), mark("T4"), ("restore", {}), mark("T5")),
    *during("readback", mark("T7"), ("sound", {}), when("digest", "after"), mark("T9")),
    when("listing", "after"),
)
MOVED = (
    *during("freeze", ("frozen", {}), when("digest", "before")),
    *during("backup", mark("T0"), ("backup", {})),
    *during("restore", mark("T4"), ("restore", {}), mark("T5")),
    *during("readback", mark("T7"), when("digest", "after"), ("still-frozen", {}), mark("T9")),
)


def judged(folder: Path, events: Sequence[Event], **facts: Json) -> Finding:
    common: dict[str, Json] = {"steps": [*STEPS], "expected_findings": [], "plan": Plan().recorded}
    (found,) = events_in_order(run(folder, {}, events, None, **{**common, **facts}))
    return found


OF_KIND: dict[str, tuple[Sequence[Event], dict[str, Json]]] = {
    "drill": (DRILL, {}),
    PROOF: (PROVED, {"kind": PROOF, "steps": [*PROOF_STEPS]}),
    MOVE: (MOVED, {"kind": MOVE, "steps": [*MOVE_STEPS]}),
}


@pytest.mark.parametrize("kind", OF_KIND)
def test_events_in_order_pass_and_without_a_mark_they_do_not(tmp_path: Path, kind: str) -> None:
    events, facts = OF_KIND[kind]
    assert judged(tmp_path, events, **facts).verdict is Verdict.PASS
    for lacking in [event for event in events if event[0] == "mark"]:
        found = judged(tmp_path, [event for event in events if event is not lacking], **facts)
        assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.MarkMissing)
        assert found.objects == (lacking[1]["mark"],)


def swapped(events: Sequence[Event], one: Event, other: Event) -> list[Event]:
    """The events with two of them changed."""
    pair = {id(one): other, id(other): one}
    return [pair.get(id(event), event) for event in events]


def without(events: Sequence[Event], *left_out: Event) -> list[Event]:
    return [event for event in events if event not in left_out]


STARTS = {str(event[1]["step"]): event for event in DRILL if event[0] == "step" and event[1]["phase"] == "start"}


@pytest.mark.parametrize(
    ("events", "named"),
    [
        (swapped(DRILL, BACKUP[0], BACKUP[1]), ["digest before"]),  # of after the backup was requested
        (swapped(DRILL, BACKUP[1], BACKUP[2]), ["backup"]),  # of before it was
        (swapped(DRILL, BACKUP[1], BACKUP[3]), ["backup", "mark T1"]),
        (swapped(DRILL, READBACK[0], READBACK[3]), ["write", "mark T8"]),
        (swapped(DRILL, RESTORE[0], RESTORE[1]), ["restore"]),
        ([when("digest", "after"), *DRILL], ["digest after"]),
        ([*DRILL, when("digest", "before")], ["digest before"]),
        ([*DRILL, INJECTED], ["fault loss"]),
        ([*without(DRILL, INJECTED), INJECTED], ["fault loss"]),
        ([*DRILL, *during("write")], ["step write start", "step write end"]),
        ([*during("up"), *DRILL], ["step up start", "step up end"]),
        ([*during("nothing"), *DRILL], ["step nothing start", "step nothing end"]),
        (swapped(DRILL, STARTS["up"], STARTS["deploy"]), ["step up end", "step up start"]),
        ([("step", {"step": "up", "phase": "failed"}), *DRILL, *during("seed")], ["step seed start", "step seed end"]),
        (without(DRILL, STARTS["readback"]), ["mark T7", "mark T8", "mark T9"]),  # a write may be in no step
    ],
)
def test_one_event_that_is_elsewhere_is_named(tmp_path: Path, events: Sequence[Event], named: list[str]) -> None:
    found = judged(tmp_path, events)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.EventsOutOfOrder)
    assert found.objects == tuple(named)


def test_the_last_write_before_the_fault_is_not_before_the_backup(tmp_path: Path) -> None:
    """Its mark is recorded later than it was; a fault before the backup would make the RPO negative."""
    early = [mark("T2", 0.5) if event is BREAK[2] else event for event in DRILL]
    assert judged(tmp_path, early).objects == ("mark T2",)
    assert judged(tmp_path, without(early, BREAK[2], BACKUP[1])).objects == ("T0",)


@pytest.mark.parametrize(
    ("events", "facts"),
    [
        ([*DRILL[:6], ("error", {})], {}),
        ([*DRILL[:6], ("recovery-failed", {})], {}),
        (DRILL[:6], {"expected_findings": [{"check": "x", "reason": "PartMissing", "objects": [], "causes": []}]}),
        (without(DRILL, RESTORE[2]), {"plan": Plan(restore=False).recorded}),  # no tool that says it is done
        (DRILL[:12], {"steps": [*STEPS[:4]]}),  # nothing breaks
    ],
)
def test_marks_that_cannot_be_are_not_missing(tmp_path: Path, events: Sequence[Event], facts: dict[str, Json]) -> None:
    assert judged(tmp_path, events, **facts).verdict is Verdict.PASS


def test_a_drill_without_a_fault_has_its_backup_in_time(tmp_path: Path) -> None:
    found = judged(tmp_path, without(DRILL[:12], BACKUP[3]), steps=[*STEPS[:4]])
    assert (found.reason, found.objects) == (Reason.MarkMissing, ("T1",))
