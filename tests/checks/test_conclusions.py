"""What is concluded from findings, runs and keys, and what one drill leaves to the next: by hand, without a drill."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hand import Event, ledger, mark, rows, run

from harness.checks import expectations, judge
from harness.checks.check import check, failed, passed
from harness.checks.cluster_reuse import left_by, reused_state_unchanged
from harness.checks.trust import Provenance, believed
from harness.core.errors import HarnessError, Unreadable
from harness.core.model import STEPS, ExpectedFinding, Finding, Json, Plan, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import PROOF, Run
from harness.evidence.signing import attestation, keys

# ---------------------------------------------------------------- findings that a scenario expects


def finding(
    check: str, verdict: Verdict, reason: Reason = Reason.PartMissing, store: str = "", member: str = ""
) -> Finding:
    return Finding(check, verdict, reason, f"{check} is {verdict.value}", store=store, member=member)


EXPECTED = ExpectedFinding("data-equal", Reason.PartMissing, "s")
SEEN = finding("data-equal", Verdict.FAIL, store="s", member="s-0")


def noticed(expected: ExpectedFinding, *found: Finding) -> Finding:
    return expectations.conclude((expected,), found)[0][-1]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ((SEEN,), Verdict.PASS),
        ((), Verdict.FAIL),
        ((finding("data-equal", Verdict.PASS, store="s"),), Verdict.FAIL),
        ((finding("data-equal", Verdict.FAIL, store="t"),), Verdict.FAIL),
        ((finding("ledger-kept", Verdict.FAIL, store="s"),), Verdict.FAIL),
        ((finding("data-equal", Verdict.FAIL, Reason.RowsDiffer, store="s"),), Verdict.FAIL),
        ((finding("data-equal", Verdict.UNKNOWN, store="s"),), Verdict.UNKNOWN),
        ((finding("data-equal", Verdict.UNKNOWN, store="t"),), Verdict.FAIL),
        ((finding("self-test", Verdict.UNKNOWN),), Verdict.UNKNOWN),
        (
            (finding("self-test", Verdict.UNKNOWN), finding("damage-seen", Verdict.PASS)),
            Verdict.UNKNOWN,
        ),
        ((finding("self-test", Verdict.FAIL),), Verdict.FAIL),
        ((SEEN, finding("self-test", Verdict.UNKNOWN)), Verdict.PASS),
    ],
)
def test_a_bad_recovery_was_noticed_only_by_the_finding_that_was_expected(
    found: Sequence[Finding], verdict: Verdict
) -> None:
    said = noticed(EXPECTED, *found)
    assert (said.check, said.verdict) == ("noticed", verdict)


def test_either_of_two_findings_is_as_good() -> None:
    """And where one could not be judged, neither the absence of the other nor a broken drill is called a miss."""
    either = ExpectedFinding("ledger-kept", Reason.AcknowledgedWriteLost, otherwise=EXPECTED)
    assert noticed(either, SEEN).verdict is Verdict.PASS
    first = finding("ledger-kept", Verdict.FAIL, Reason.AcknowledgedWriteLost)
    assert noticed(either, first).verdict is Verdict.PASS
    assert noticed(either, first, finding("data-equal", Verdict.UNKNOWN, store="s")).objects == ("check ledger-kept",)
    assert (noticed(either).verdict, noticed(either).store) == (Verdict.FAIL, "")
    assert noticed(either, finding("data-equal", Verdict.UNKNOWN, store="s")).verdict is Verdict.UNKNOWN
    assert noticed(either, finding("ledger-kept", Verdict.UNKNOWN)).verdict is Verdict.UNKNOWN


def test_what_must_hold_in_every_drill_makes_the_verdict_and_the_rest_describes() -> None:
    """But for a drill that ended early, as the recovery failed: that may be what was to be noticed."""
    ended = finding("drill-finished", Verdict.FAIL)
    cut = finding("drill-finished", Verdict.UNKNOWN)
    held = finding("fence-held", Verdict.FAIL)
    concluded, rest = expectations.conclude((EXPECTED,), (ended, cut, held, SEEN))
    assert (concluded[:-1], rest) == ((cut, held), (ended, SEEN))
    assert concluded[-1].check == "noticed"


# ---------------------------------------------------------------- what a drill leaves to the next one

WHOLE: tuple[Event, ...] = (
    ("digest", {"when": "before", "store": "s", "member": "s-0", "parts": {"a": 1, "b": 2}}),
    ("objects", {"when": "before", "parts": {"o": 1}}),
    ("volumes", {"when": "backup", "volumes": [{"claim": "c", "kind": "hostPath"}]}),
)


def drill(folder: Path, *events: Event, **facts: Json) -> Run:
    """A drill with one member that never broke anything."""
    common: dict[str, Json] = {
        "steps": [*STEPS],
        "faults": [{"name": "loss", "step": "break"}],
        "expected_findings": [],
    }
    return run(folder, {"s": ([], [[]])}, events, None, **{**common, "plan": Plan().recorded, **facts})


EXPECTATION: Json = [{"check": "x", "reason": "PartMissing", "causes": [], "objects": []}]


@pytest.mark.parametrize(
    ("facts", "leaves"),
    [
        ({}, True),
        ({"expected_findings": EXPECTATION}, False),  # it broke them, and the recovery was to be bad
        ({"expected_findings": EXPECTATION, "steps": [*STEPS[:4]]}, True),
        ({"steps": [*STEPS[:4]]}, True),
        ({"faults": [{"name": "odd", "step": "seed"}]}, False),  # made otherwise on purpose
        ({"faults": [{"name": "odd", "step": "seed"}, {"name": "loss", "step": "break"}]}, False),
        ({"plan": Plan(move=True).recorded}, False),  # they are elsewhere now
    ],
)
def test_a_drill_leaves_only_stores_that_are_as_they_were_proved(
    tmp_path: Path, facts: dict[str, Json], *, leaves: bool
) -> None:
    assert (left_by(drill(tmp_path, *WHOLE, **facts)) is not None) is leaves


@pytest.mark.parametrize("lacking", range(3))
def test_stores_of_which_something_was_not_recorded_are_not_left(tmp_path: Path, lacking: int) -> None:
    assert left_by(drill(tmp_path, *WHOLE[:lacking], *WHOLE[lacking + 1 :])) is None


def test_a_drill_that_seeds_its_own_stores_has_no_finding(tmp_path: Path) -> None:
    assert reused_state_unchanged(drill(tmp_path, *WHOLE)) == ()


def test_a_drill_begins_with_what_was_left_or_is_unknown(tmp_path: Path) -> None:
    """Else what was lost between two drills would be the measure of what the second one restores."""
    left = left_by(drill(tmp_path, *WHOLE))
    assert left is not None

    def taken(digests: dict[str, Json], *events: Event) -> tuple[Verdict, tuple[str, ...]]:
        (found,) = reused_state_unchanged(drill(tmp_path, *events, ("taken-over", {"run": "x", "digests": digests})))
        return found.verdict, found.objects

    same: dict[str, Json] = {**left.digests}
    assert taken(same, *WHOLE) == (Verdict.PASS, ())
    other = ("digest", {**WHOLE[0][1], "parts": {"b": 2, "a": 1}})  # the same, written in another order
    assert taken(same, other, *WHOLE[1:]) == (Verdict.PASS, ())
    fewer = ("digest", {**WHOLE[0][1], "parts": {"a": 1}})
    assert taken(same, fewer, *WHOLE[1:]) == (Verdict.UNKNOWN, ("s-0",))
    assert taken(same, *WHOLE[1:]) == (Verdict.UNKNOWN, ("s-0",))
    older = {name: value for name, value in same.items() if name != "kinds of its volumes"}
    assert taken(older, *WHOLE) == (Verdict.PASS, ())  # as drills recorded it before
    assert taken(older, *WHOLE[1:]) == (Verdict.UNKNOWN, ("s-0",))
    assert taken({}, *WHOLE) == (Verdict.UNKNOWN, ("s-0", "objects of the namespace"))
    assert taken(same, *WHOLE[:2]) == (Verdict.UNKNOWN, ("kinds of its volumes",))


# ---------------------------------------------------------------- from checks to findings.json


def raising(error: Exception, _: object) -> Finding:
    raise error


def test_a_check_that_raises_is_unknown_and_hides_no_other(tmp_path: Path) -> None:
    lost = Unreadable(tmp_path / "file", "is gone", Reason.EvidenceMissing, line=3)
    errors = (lost, HarnessError("odd"), ZeroDivisionError("odd"))
    asked = [check(f"c{n}")(partial(raising, error)) for n, error in enumerate(errors)]
    asked.append(check("good")(lambda _: passed("good")))
    found = judge.judge(drill(tmp_path), asked)
    assert [(each.check, each.verdict, each.reason, each.objects) for each in found] == [
        ("c0", Verdict.UNKNOWN, Reason.EvidenceMissing, ("file", "line 3")),
        ("c1", Verdict.UNKNOWN, Reason.EvidenceUnreadable, ()),
        ("c2", Verdict.UNKNOWN, Reason.CheckRaised, ()),
        ("good", Verdict.PASS, Reason.AsExpected, ()),
    ]


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """A run of one store whose two members lost different writes, judged."""
    writes = ledger("put a", "put b", "put c")
    marks = (mark("T0", 1.2), mark("T3", 4.0), mark("T4", 5.0), mark("T8", 7.5))
    facts: dict[str, Json] = {"expected_findings": [], "plan": Plan().recorded, "steps": [*STEPS], "indexed": []}
    shown = {"s": (writes, (rows("a1", "b2"), rows("a1")))}
    path = run(tmp_path, shown, marks, {"rto_s": 9}, faults=[{"name": "loss", "step": "break"}], **facts).path
    judge.recheck(path)
    return path


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "findings.json").read_text())
    return found


def test_findings_have_the_figures_of_the_member_that_lost_most(judged: Path) -> None:
    written = document(judged)
    assert (written["rto_s"], written["rpo_writes"], written["objectives"]) == (3.5, 2, {"rto_s": 9})
    assert written["ledger"]["s"]["kept"] == 1
    assert written["legs"]["restore_s"] == 2.5
    assert "kind" not in written
    assert len(written["checks"]) > 15
    checks = {each["check"] for each in written["findings"]}
    assert {"ledger-kept", "objectives-met"} < checks


def edited(path: Path, **changes: Json) -> None:
    (path / "findings.json").write_text(json.dumps({**document(path), **changes}))


def changed(path: Path, check: str, **changes: Json) -> list[Json]:
    """The findings with those of a check changed."""
    return [{**each, **(changes if each["check"] == check else {})} for each in document(path)["findings"]]


def test_findings_that_differ_from_their_evidence_are_not_current(judged: Path) -> None:
    """An edited verdict, reason, object or figure is detected; a reworded sentence is not."""
    assert judge.is_current(judged)
    assert judge.recheck(judged, require_current=True) == judged / "findings.json"
    whole = document(judged)
    for changes in (
        {"verdict": "pass"},
        {"rto_s": 1.0},
        {"findings": whole["findings"][1:]},
        {"findings": changed(judged, "ledger-kept", verdict="pass")},
        {"findings": changed(judged, "ledger-kept", reason="AsExpected")},
        {"findings": changed(judged, "ledger-kept", member="other")},
        {"findings": changed(judged, "ledger-kept", objects=["other"])},
        {"findings": changed(judged, "ledger-kept", causes=["RowsDiffer"])},
        {"recovery": whole["findings"]},
    ):
        edited(judged, **changes)
        assert not judge.is_current(judged), changes
        with pytest.raises(HarnessError, match="differs from a re-evaluation"):
            judge.recheck(judged, require_current=True)
        edited(judged, **whole)
    edited(judged, schema=99, findings=changed(judged, "ledger-kept", detail="in other words", hint=""))
    assert judge.is_current(judged)
    edited(judged, rto_s=1.0)
    judge.recheck(judged)
    assert judge.is_current(judged)


def test_a_check_that_is_newer_than_the_findings_counts_if_it_finds_something_wrong(judged: Path) -> None:
    def without(check: str) -> None:
        edited(
            judged,
            checks=[name for name in document(judged)["checks"] if name != check],
            findings=[each for each in document(judged)["findings"] if each["check"] != check],
        )

    without("restore-complete")
    assert not judge.is_current(judged)
    judge.recheck(judged)
    assert [each["verdict"] for each in document(judged)["findings"] if each["check"] == "objectives-met"] == ["pass"]
    without("objectives-met")
    assert judge.is_current(judged)


def test_findings_of_before_reasons_are_compared_as_far_as_they_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have no reasons, and what they say of a recovery that was to be bad was not compared either."""
    lost, kept = (check(name)(lambda _: failed(Reason.PartMissing, "gone")) for name in ("data-equal", "ledger-kept"))
    monkeypatch.setattr("harness.checks.ALL", (lost, kept))
    path = drill(tmp_path).path
    judge.recheck(path)
    old = document(path)
    del old["checks"]
    old["findings"] = [{key: each[key] for key in ("check", "store", "member", "verdict")} for each in old["findings"]]
    edited(path, **{**old, "schema": 4, "recovery": [{"check": "any"}]})
    assert judge.is_current(path)
    old["findings"][0]["verdict"] = "pass"
    edited(path, findings=old["findings"])
    assert not judge.is_current(path)


def test_where_it_is_unknown_what_was_expected_only_what_must_always_hold_makes_the_verdict(tmp_path: Path) -> None:
    path = drill(tmp_path, *WHOLE, expected_findings="odd").path
    written = json.loads(judge.recheck(path).read_text())
    assert written["verdict"] == "unknown"
    assert {each["check"] for each in written["findings"]} <= {*expectations.ALWAYS, "noticed"}
    assert [each["reason"] for each in written["findings"] if each["check"] == "noticed"] == ["EvidenceUnreadable"]
    assert "backup-complete" in {each["check"] for each in written["recovery"]}


def test_a_bad_recovery_is_described_and_makes_no_verdict(tmp_path: Path) -> None:
    written = json.loads(judge.recheck(drill(tmp_path, *WHOLE, expected_findings=EXPECTATION).path).read_text())
    assert "noticed" in {each["check"] for each in written["findings"]}
    assert "backup-complete" in {each["check"] for each in written["recovery"]}


def test_a_proof_lists_what_it_does_not_prove_in_place_of_a_ledger(tmp_path: Path) -> None:
    written = json.loads(judge.recheck(run(tmp_path, {}, (), {}, kind=PROOF).path).read_text())
    assert (written["kind"], written["ledger"], bool(written["not_proved"])) == (PROOF, {}, True)


# ---------------------------------------------------------------- who is believed


def test_a_run_is_believed_while_its_findings_are_those_of_its_evidence(judged: Path) -> None:
    assert believed(judged).problems == ()
    edited(judged, rto_s=1.0)
    assert believed(judged).problems[0].startswith("findings.json: differs from a re-evaluation")
    (judged / "findings.json").write_text("{}")
    (problem,) = believed(judged).problems
    assert "is an empty JSON object" in problem


@pytest.mark.parametrize("error", [HarnessError("odd"), OSError("odd")])
def test_a_run_that_cannot_be_evaluated_is_not_believed(
    judged: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(judge, "is_current", partial(raising, error))
    assert believed(judged).problems == ("cannot be evaluated: odd",)


def signed(runs: Path, name: str, key: keys.PrivateKey | None) -> Path:
    path = runs / name
    path.mkdir(parents=True)
    for file in ("run.json", "findings.json"):
        (path / file).write_text("{}")
    if key:
        attestation.sign_evidence(path, key)
        attestation.sign_verdict(path, key, Verdict.PASS, {})
    return path


def test_where_a_known_key_signs_only_its_runs_are_of_known_origin(tmp_path: Path) -> None:
    """Else a signed FAIL whose signature was removed, or that a stranger signed again, would count as green."""
    mine, other = keys.fresh(), keys.fresh()
    known = {mine.public_key.keyid}
    of = {name: signed(tmp_path / "runs", name, key) for name, key in (("own", mine), ("odd", other), ("bare", None))}
    origin = Provenance.of_folder(tmp_path / "runs", known)
    assert origin.doubt(of["own"]) == ""
    assert origin.doubt(of["odd"]).startswith(
        f"its evidence is signed by the unknown key {other.public_key.keyid}, and"
    )
    assert origin.doubt(of["bare"]).startswith("its evidence is not signed, and")
    (of["own"] / "signed" / "evidence.pub").write_text("broken")
    assert origin.doubt(of["own"]).startswith("its evidence is not signed, and")
    shutil.rmtree(of["own"])
    origin = Provenance.of_folder(tmp_path / "runs", known)
    assert (origin.needed, origin.doubt(of["odd"]), origin.doubt(of["bare"])) == (False, "", "")
