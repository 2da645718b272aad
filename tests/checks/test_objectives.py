"""RPO and skew of runs written by hand, and what they are held against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hand import ledger, mark, rows, run

from harness.checks.judge import recheck
from harness.checks.ledger import writes_kept
from harness.checks.objectives import objectives_met, rpo_s, skew
from harness.core.model import Json, Row, Verdict
from harness.core.reason import Reason
from harness.evidence.marks import between
from harness.evidence.run_directory import Run

WRITES = ledger("put a", "put b", "put c", "put d")
MARKS = (mark("T0", 1.2), mark("T3", 10.0), mark("T4", 11.0), mark("T8", 12.0))


def drilled(folder: Path, shown: Sequence[Sequence[Row]], objectives: Json = None) -> Run:
    """One store for each of `shown`, of two members that hold it; the same was written to all at the same ticks."""
    return run(folder, {f"s{n}": (WRITES, (held, held)) for n, held in enumerate(shown)}, MARKS, objectives)


def test_skew_is_from_the_oldest_to_the_newest_recovery_point(tmp_path: Path) -> None:
    drill = drilled(tmp_path, [rows("a1"), rows("a1", "b2", "c3"), rows("a1", "b2")], {})
    assert (skew(drill), rpo_s(drill)) == ((2.0, 20), 3.0)
    document = json.loads(recheck(drill.path).read_text())
    assert (document["skew_s"], document["skew_ticks"]) == (2.0, 20)
    assert (document["rpo_s"], document["rpo_writes"]) == (3.0, 6)
    assert document["ledger"]["s0"]["recovery_point_tick"] == 10


def test_stores_of_one_moment_have_no_skew(tmp_path: Path) -> None:
    assert skew(drilled(tmp_path, [rows("a1", "b2"), rows("a1", "b2")])) == (0.0, 0)


@pytest.mark.parametrize("shown", [[rows("a1")], [rows("a1"), []]])
def test_skew_of_one_store_or_of_an_empty_one_is_not_measurable(tmp_path: Path, shown: list[list[Row]]) -> None:
    assert skew(drilled(tmp_path, shown)) is None


def test_figures_are_to_the_millisecond(tmp_path: Path) -> None:
    """Rounded coarser, a figure that misses its objective would meet it."""
    writes = [each._replace(attempted_s=each.attempted_s * 1.23456) for each in ledger("put a", "put b")]
    drill = run(
        tmp_path, {name: (writes, (held,)) for name, held in (("s", rows("a1")), ("t", rows("a1", "b2")))}, MARKS
    )
    assert skew(drill) == (1.235, 10)
    assert between({"T3": 0, "T8": 1.23456}, "T3", "T8") == 1.235


def test_a_member_that_was_not_read_leaves_rpo_and_skew_open(tmp_path: Path) -> None:
    drill = drilled(tmp_path, [rows("a1"), rows("a1")])
    (drill.path / "ledger" / "s1@s1-1.jsonl").unlink()
    assert (skew(drill), rpo_s(drill)) == (None, None)


@pytest.mark.parametrize(
    ("objectives", "said"),
    [
        ({}, []),
        ({"rto_s": None, "rpo_s": None, "skew_s": None}, []),
        ({"rto_s": 2}, [("pass", Reason.AsExpected, "RTO")]),
        ({"rto_s": 1.5}, [("fail", Reason.ObjectiveMissed, "RTO")]),
        ({"rpo_s": 2}, [("fail", Reason.ObjectiveMissed, "RPO")]),
        ({"rpo_s": 3, "skew_s": 1}, [("pass", Reason.AsExpected, "RPO"), ("pass", Reason.AsExpected, "skew")]),
        ({"skew_s": 0.5}, [("fail", Reason.ObjectiveMissed, "skew")]),
        ({"skew_s": "0.5"}, [("unknown", Reason.ObjectiveInvalid, "skew")]),
        ({"rto_s": True}, [("unknown", Reason.ObjectiveInvalid, "RTO")]),
        (None, [("unknown", Reason.NotRecorded)]),
    ],
)
def test_figures_are_held_against_what_was_asked(tmp_path: Path, objectives: Json, said: list[tuple[str, ...]]) -> None:
    found = objectives_met(drilled(tmp_path, [rows("a1"), rows("a1", "b2")], objectives))
    assert [(finding.verdict.value, finding.reason, *finding.objects) for finding in found] == said


def test_what_was_asked_and_not_measured_is_unknown(tmp_path: Path) -> None:
    drill = run(tmp_path, {"s": (WRITES, (rows("a1"),))}, (mark("T3", 1),), {"rto_s": 1, "skew_s": 1})
    said = [(finding.verdict, finding.reason, finding.objects) for finding in objectives_met(drill)]
    assert said == [
        (Verdict.UNKNOWN, Reason.ObjectiveNotMeasured, ("RTO",)),
        (Verdict.UNKNOWN, Reason.ObjectiveNotMeasured, ("skew",)),
    ]


def test_a_ledger_without_its_marks_is_not_passed(tmp_path: Path) -> None:
    (kept,) = writes_kept(run(tmp_path, {"s": (WRITES, (rows("a1"),))}, (mark("T0", 1.2),)))
    assert (kept.verdict, kept.reason, kept.objects) == (Verdict.UNKNOWN, Reason.NotRecorded, ("T4",))
