"""What all checks share to read events and to make findings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand import run

from harness.checks import data, validity
from harness.checks.check import (
    about,
    check,
    failed,
    few,
    latest,
    objects_of,
    passed,
    recorded,
    restarted_before,
    texts,
    unknown,
)
from harness.core.model import Finding, Json, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import PROOF, Run


def test_a_check_is_of_drills_unless_it_says_of_what(tmp_path: Path) -> None:
    good = run(tmp_path, {}, ())

    def one(_: Run) -> Finding:
        return passed("good")

    def several(_: Run) -> tuple[Finding, ...]:
        return about(passed("good"), "s"), about(unknown(Reason.NotRecorded, "bad"), "t", "t-0")

    assert check("one")(one).kinds == ("",)
    assert check("one", PROOF)(one).kinds == (PROOF,)
    assert [(each.check, each.verdict) for each in check("one")(one)(good)] == [("one", Verdict.PASS)]
    found = check("several")(several)(good)
    assert [(each.check, each.store, each.member, each.verdict) for each in found] == [
        ("several", "s", "", Verdict.PASS),
        ("several", "t", "t-0", Verdict.UNKNOWN),
    ]


def test_a_finding_does_not_name_its_reason_as_a_cause() -> None:
    found = failed(Reason.RestoreFailed, "x", causes=[Reason.RestoreFailed, Reason.SnapshotMissing], objects=["o"])
    assert (found.causes, found.objects, found.verdict) == ((Reason.SnapshotMissing,), ("o",), Verdict.FAIL)


@pytest.mark.parametrize(
    ("restarts", "restarted"),
    [
        ((), False),
        (("a", "b"), True),
        (("a", "a"), False),  # the same process answers
        (("a", None), False),  # nobody knows which
        ((None, "b"), True),
    ],
)
def test_a_member_was_restarted_if_another_process_answers_since(
    tmp_path: Path, restarts: tuple[Json, ...], *, restarted: bool
) -> None:
    events = [("restart", {"member": "m", "before": restarts[0], "after": restarts[1]})] if restarts else []
    drill = run(tmp_path, {}, [*events, ("reading", {})])
    assert restarted_before(drill, "m", drill.of("reading")[0].seq) is restarted
    assert not restarted_before(drill, "other", drill.of("reading")[0].seq)


def test_the_last_restart_counts(tmp_path: Path) -> None:
    """What was read between two restarts was not read after the last one, and what failed last did not restart."""
    good, same = ({"member": "m", "before": "a", "after": after} for after in ("b", "a"))
    drill = run(tmp_path, {}, [("restart", good), ("reading", {}), ("restart", good), ("reading", {})])
    assert [restarted_before(drill, "m", each.seq) for each in drill.of("reading")] == [False, True]
    drill = run(tmp_path, {}, [("restart", good), ("restart", same), ("reading", {})])
    assert not restarted_before(drill, "m", drill.of("reading")[0].seq)


def test_the_newest_event_counts(tmp_path: Path) -> None:
    drill = run(
        tmp_path, {}, [("seen", {"n": 1, "of": "a"}), ("seen", {"n": 2, "of": "b"}), ("seen", {"n": 3, "of": "b"})]
    )
    assert latest(drill, "seen") == {"n": 3, "of": "b"}
    assert latest(drill, "seen", of="a") == {"n": 1, "of": "a"}
    assert latest(drill, "seen", of="c") is None


def test_reasons_are_those_that_an_event_names_or_those_of_an_old_sentence() -> None:
    assert recorded({"reasons": ["NodeNotReady", "no reason of ours"]}, "detail") == (Reason.NodeNotReady,)
    assert recorded({"reasons": [], "detail": "not replicating"}, "detail") == ()


def test_lists_in_events_are_read_as_far_as_they_are_lists() -> None:
    assert texts(["a", 1]) == ("a", "1")
    assert objects_of({"volumes": [{"pod": "a"}, "b", None]}, "volumes") == [{"pod": "a"}]
    assert objects_of({"volumes": "x"}, "volumes") == []


@pytest.mark.parametrize(
    ("count", "shown"), [(0, ""), (1, "0"), (5, "0; 1; 2; 3; 4"), (6, "0; 1; 2; 3; 4; and 1 more")]
)
def test_a_line_shows_the_first_five_and_counts_the_rest(count: int, shown: str) -> None:
    assert few(range(count)) == shown


def test_the_reasons_of_an_interruption_are_its_causes(tmp_path: Path) -> None:
    where = {"step": "deploy", "message": "odd"}
    why: Json = [Reason.RestoreFailed, Reason.NodeNotReady]
    (found,) = validity.drill_finished(run(tmp_path, {}, (("error", {**where, "reasons": why}),)))
    assert {Reason.NodeNotReady, Reason.RestoreFailed} <= {*found.causes}


def test_an_object_that_differs_is_named_with_the_shortest_paths_that_differ() -> None:
    before = {"spec": "1", "spec.ports": "2", "spec.type": "3", "data": "4", "gone": "5"}
    after = {"spec": "9", "spec.ports": "8", "spec.type": "3", "data": "4", "new": "6"}
    assert data.differing_fields(before, after) == ["gone", "new", "spec"]
    assert data.differing_fields({"a[0]": "1", "ab": "1"}, {"a[0]": "2", "a": "2", "ab": "2"}) == ["a", "ab"]
