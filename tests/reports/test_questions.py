"""How do we know? The report's questions, each with its evidence; and the same events as lines of a drill that runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import sample_runs

from harness import checks
from harness.core.model import Event, Json, Verdict
from harness.evidence import run_view
from harness.reports import html, markdown, questions, summary
from harness.reports.questions import Answer, damage_in_words
from harness.reports.texts import QUESTIONS
from harness.workflows.progress import words_of


def answered(run: Path) -> dict[str, Answer]:
    return {answer.check: answer for answer in questions.answers(run_view.read(run))}


def test_every_check_has_a_question() -> None:
    assert set(QUESTIONS) == {"noticed", *(each.name for each in (*checks.ALL, *checks.PROOF, *checks.MOVE))}


def test_each_question_is_answered_with_its_evidence(tmp_path: Path) -> None:
    told = answered(sample_runs.passed(tmp_path / "run"))
    asked = {check.name for check in checks.ALL} - {"taken-over", "login"}
    assert tuple(told) == tuple(check for check in QUESTIONS if check in asked)
    assert {answer.verdict for answer in told.values()} == {Verdict.PASS}
    assert told["damage-seen"].said == ("9 volumes gone, 9 members cannot be read",)
    assert told["data-equal"].said == ("18 of 18 answers came from the queried member",)
    assert told["transfers-whole"].members == ("all 9 members: 16 accounts hold what the writes moved",)
    assert told["data-equal"].members == (
        "mysql (3 members): 5 parts equal",
        "postgres, consul (6 members): 3 parts equal",
    )
    assert told["members-healthy"].members[0] == "mysql-0: mysql-0 follows"


def test_self_tests_are_told_of_both_tiers(tmp_path: Path) -> None:
    told = answered(sample_runs.passed(tmp_path / "run"))["self-test"].said
    in_memory, live = told
    assert "120 of 120 mutations" in in_memory
    assert "(mysql, postgres, consul), 2026-01-01, commit c92672c4f1: 164 of 164 mutations" in live
    assert "selftest.noticed" not in html.render(run_view.read(tmp_path / "run"))


def test_a_self_test_that_never_was_is_not_passed_over(tmp_path: Path) -> None:
    sample = sample_runs.recovered(tmp_path / "run")
    sample.facts["selftest"] = None
    sample.finding("self-test", "pass", "")
    told = answered(sample.write())["self-test"].said
    assert told[-1] == "live, on real databases: never run on this machine"


def test_what_a_self_test_missed_is_named() -> None:
    missed: Json = [{"way": "live", "store": "mysql", "name": f"a row {n} times", "missed": "-"} for n in range(2, 7)]
    assert questions.detected({"noticed": 95, "missed": missed}) == (
        "95 of 100 mutations detected; missed: a row 2 times, a row 3 times, a row 4 times"
    )


def test_an_answer_is_its_worst_finding_and_does_not_repeat_what_is_wrong(tmp_path: Path) -> None:
    sample = sample_runs.recovered(tmp_path / "run")
    sample.finding("fence-held", "fail", "3 packets left")
    sample.finding("ledger-kept", "pass", "29 lost", store="mysql", member="mysql-0")
    sample.finding("ledger-kept", "unknown", "not read", store="mysql", member="mysql-1")
    sample.finding("of-a-newer-one", "pass", "fine")
    told = answered(sample.write())
    assert list(told) == ["ledger-kept", "fence-held", "of-a-newer-one"]
    assert (told["fence-held"].verdict, told["fence-held"].said) == (Verdict.FAIL, ())
    ledger = told["ledger-kept"]
    assert (ledger.verdict, ledger.passed, ledger.asked) == (Verdict.UNKNOWN, 1, 2)
    assert told["of-a-newer-one"].question == "of-a-newer-one"


def test_a_cluster_without_a_fence_is_said_to_have_none_wherever_the_verdict_is(tmp_path: Path) -> None:
    sample = sample_runs.recovered(tmp_path / "run")
    sample.facts["fenced"] = False
    sample.events = [event for event in sample.events if event.kind != "fence"]
    sample.event(215.5, "fence", there=False)
    sample.finding("ledger-kept", "pass", "29 lost", store="mysql", member="mysql-0")
    told = run_view.read(sample.write())
    assert told.verdict is Verdict.PASS
    of_fence = {answer.check: answer for answer in questions.answers(told)}["fence-held"]
    assert (of_fence.verdict, of_fence.asked) == (Verdict.UNKNOWN, 0)
    page = html.render(told)
    for shown in (page, markdown.render(told), "\n".join(summary.lines(told))):
        assert summary.UNFENCED in shown
    assert "escaped" not in page.partition("Definitions")[0]


@pytest.mark.parametrize("sample", ["failed", "broken_off"])
def test_no_words_of_ours_claim_that_a_bad_run_was_verified(tmp_path: Path, sample: str) -> None:
    run = getattr(sample_runs, sample)(tmp_path / "run")
    text = html.render(run_view.read(run)) + "".join(summary.lines(run_view.read(run)))
    assert "verified" not in text.lower()


@pytest.mark.parametrize("kind", ["selftest", "protected", "stored", "objects", "damage", "restart", "fence", "mark"])
def test_a_run_without_a_kind_of_event_is_shown(tmp_path: Path, kind: str) -> None:
    sample = sample_runs.recovered(tmp_path / "run")
    sample.events = [event for event in sample.events if event.kind != kind]
    for check in QUESTIONS:
        sample.finding(check, "unknown", "nothing was seen")
    assert "UNKNOWN" in html.render(run_view.read(sample.write()))


def test_the_report_shows_what_the_tool_was_to_copy_and_which_backup_came_back(tmp_path: Path) -> None:
    text = " ".join(html.render(run_view.read(sample_runs.passed(tmp_path / "run"))).split())
    assert "To back up: 3 volumes" in text
    assert "6 hooks ran, 0 failed" in text
    assert "of the backup drill-1" in text


def test_skew_stands_beside_rpo_only_where_there_are_stores_to_compare(tmp_path: Path) -> None:
    lines = summary.lines(run_view.read(sample_runs.passed(tmp_path / "run")))
    assert "Skew 1.2 s (25 ticks; no objective)" in lines
    alone = sample_runs.recovered(tmp_path / "alone")
    alone.facts["stores"] = {"mysql": list(sample_runs.STORES["mysql"])}
    assert not any(line.startswith("Skew") for line in summary.lines(run_view.read(alone.write())))


def test_damage_is_counted_where_it_is_much_and_named_where_it_is_not() -> None:
    assert damage_in_words({"volume data-mysql-0": "gone", "read mysql-0": "refused"}) == (
        "1 volume gone, 1 member cannot be read"
    )
    assert damage_in_words({"node a": "down"}) == "node a: down"
    assert (
        damage_in_words({f"node {n}": "down" for n in range(5)})
        == "node 0: down, node 1: down, node 2: down, and 2 more"
    )
    assert damage_in_words({}) == ""


LINES: tuple[tuple[str, dict[str, Json], str], ...] = (
    (
        "damage",
        {"what": {f"volume data-{n}": "x" * 80 for n in range(12)} | {f"read m-{n}": "refused" for n in range(9)}},
        "damage seen: 12 volumes gone, 9 members cannot be read",
    ),
    ("protected", {"volumes": [{"pod": "a"}, {"pod": "b"}]}, "2 volumes to be copied"),
    (
        "stored",
        {"objects": 5, "bytes": 2_500_000, "damage": [], "checked": True},
        "5 objects, 2.5 MB seen in the bucket; the repository passed its own check",
    ),
    (
        "stored",
        {"objects": 5, "bytes": 0, "damage": [], "checked": False},
        "5 objects, 0.0 MB seen in the bucket; the repository was NOT checked",
    ),
    (
        "stored",
        {"objects": 5, "bytes": 0, "damage": ["pack 4f is cut"], "checked": True},
        "5 objects, 0.0 MB seen in the bucket; the repository is DAMAGED: pack 4f is cut",
    ),
    ("objects", {"when": "before", "parts": {"service a": {}}}, "read 1 object of the namespace"),
    ("restart", {"member": "mysql-0", "before": "u1", "after": "u2"}, "mysql-0 restarted"),
    ("balances", {"member": "mysql-0", "accounts": {"checking/0": 1}}, "balances of mysql-0: 1 account"),
    ("corrupt", {"member": "mysql-0", "message": "page 7"}, "mysql-0 says that its data are damaged: page 7"),
    (
        "unread",
        {"what": "digest", "member": "mysql-0", "message": "TimedOut: 9 s"},
        "digest of mysql-0 NOT read: TimedOut: 9 s",
    ),
    ("fence", {"stopped": 12, "escaped": 0}, "network isolation: 12 packets stopped, 0 escaped"),
    ("fence", {"there": False}, "this cluster has no network isolation; packets that left it were not counted"),
    (
        "selftest",
        {"tier": "rehearsed", "noticed": 120, "missed": []},
        "self-test in memory: 120 of 120 mutations detected",
    ),
    ("end", {}, ""),
)


@pytest.mark.parametrize(("kind", "data", "words"), LINES)
def test_events_have_short_words(kind: str, data: dict[str, Json], words: str) -> None:
    assert words_of(Event(1, 0.0, "", kind, data)) == words
    assert len(words) <= 100
