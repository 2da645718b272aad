"""The report: what it says, that it never says PASS without proof, and that hostile data is harmless in it."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sample_runs

from harness import reports
from harness.core.model import Json, Verdict
from harness.core.text import duration, one_line, visible
from harness.evidence import run_view
from harness.evidence.marks import DEFINITIONS, MARKS
from harness.reports import html, summary
from harness.reports.equality import stores
from harness.reports.pictures import timeline


class Page(HTMLParser):
    """Every tag with its attributes, and the text outside of style and title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self._inside = ""
        self.feed(text)
        self.text = " ".join(self._words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside != "style":
            self._words += data.split()

    def classes(self, tag: str) -> list[str]:
        return [dict(attrs).get("class") or "" for name, attrs in self.tags if name == tag]


def page(run: Path) -> Page:
    return Page(html.render(run_view.read(run)))


@pytest.mark.parametrize(
    ("sample", "verdict"),
    [("passed", Verdict.PASS), ("failed", Verdict.FAIL), ("broken_off", Verdict.UNKNOWN)],
)
def test_a_run_is_rendered_with_its_verdict(tmp_path: Path, sample: str, verdict: Verdict) -> None:
    run = getattr(sample_runs, sample)(tmp_path / "run")
    assert reports.render(run).verdict is verdict
    shown = Page((run / "report.html").read_text())
    assert f"verdict {verdict.value}" in shown.classes("div")
    assert f"{verdict.name} namespace_loss" in shown.text
    others = {each.value for each in Verdict} - {verdict.value}
    assert not any(f"verdict {other}" in shown.classes("div") for other in others)


def test_the_numbers_stand_on_top_with_their_objectives(tmp_path: Path) -> None:
    shown = page(sample_runs.passed(tmp_path / "run")).text
    assert "57.1 s objective: at most 10 min: met" in shown
    assert "29.4 s 29 writes lost; objective: at most 5 min: met" in shown
    assert "9 of 9 all read back" in shown


def test_a_missing_objective_is_never_met(tmp_path: Path) -> None:
    shown = page(sample_runs.failed(tmp_path / "run")).text
    assert "29 writes lost; no objective" in shown
    assert "objective: at most 45.0 s: missed" in shown
    assert "met" not in shown.split("Findings")[0].split()


def test_findings_are_sorted_worst_first_with_their_hints(tmp_path: Path) -> None:
    run = sample_runs.failed(tmp_path / "run")
    verdicts = [finding.verdict for finding in run_view.read(run).findings]
    assert verdicts == [Verdict.FAIL] * 3 + [Verdict.UNKNOWN, Verdict.PASS]
    assert "What to do: Compare the replica with its primary" in page(run).text


def test_what_differs_is_named_with_both_sides(tmp_path: Path) -> None:
    shown = page(sample_runs.failed(tmp_path / "run")).text
    assert "mysql-2: 2 differences" in shown
    assert "table core_iam.client 12,000 rows 9c1f0a77b2 12,000 rows 31337beef0" in shown
    assert "5 of 9 4 different" in shown


def test_lost_missing_and_extra_parts_all_count_as_different(tmp_path: Path) -> None:
    sample = sample_runs.recovered(tmp_path / "run")
    sample.digests("after", 214, {"mysql-1": {"table new": {"rows": 0, "hash": ""}}})
    consul: dict[str, Json] = {"when": "after", "member": "consul-2"}
    left: Json = {"kv vault/core": {"rows": 340, "hash": "cc01"}}
    sample.events = [
        replace(event, data={**event.data, "parts": left})
        if event.kind == "digest" and consul.items() <= event.data.items()
        else event
        for event in sample.events
    ]
    read = {member.name: member for store in stores(run_view.read(sample.write())) for member in store.members}
    assert [*read["mysql-1"].differences] == ["table new"]
    assert [*read["consul-2"].differences] == ["acl policies", "kv vault/logical"]
    assert (read["consul-2"].same, read["mysql-1"].same, read["mysql-0"].state) == (1, 5, "equal")


def test_a_member_that_was_not_read_back_is_not_equal(tmp_path: Path) -> None:
    sample = sample_runs.recovered(tmp_path / "run")
    sample.digests("after", 214)
    sample.events = [e for e in sample.events if not ("postgres-2" in str(e) and "after" in str(e))]
    sample.finding("data-equal", "pass", "")
    shown = page(sample.write()).text
    assert "8 of 9 1 not read back" in shown
    assert "? not queried" in shown


def test_the_timeline_shows_completed_beside_verified(tmp_path: Path) -> None:
    run = sample_runs.passed(tmp_path / "run")
    line = timeline(run_view.read(run).marks)
    assert line is not None
    legs = {bar.marks: bar for bar in line.bars}
    assert legs["T3 → T8"].seconds == pytest.approx(57.1)
    assert line.too_early_s == pytest.approx(39.3)
    assert legs["T4 → T5"].left == legs["T4 → T9"].left
    assert legs["T4 → T9"].left + legs["T4 → T9"].width == pytest.approx(100)
    assert "39.3 s passed between the tool's “Completed” (T5)" in page(run).text


def test_a_leg_that_never_ended_is_drawn_to_the_end_and_called_never() -> None:
    line = timeline({"T0": 0, "T3": 50, "T4": 60, "T5": 100})
    assert line is not None
    rto = next(bar for bar in line.bars if bar.kind == "rto")
    assert (rto.seconds, rto.left, rto.width) == (None, 50, 50)
    assert timeline({"T0": 5}) is None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run: (run / "findings.json").unlink(), "findings.json: is missing"),
        (lambda run: (run / "findings.json").write_text("{"), "findings.json: cannot be read"),
        (lambda run: (run / "findings.json").write_text("[]"), "findings.json: is not a JSON object"),
        (lambda run: (run / "journal.jsonl").unlink(), "journal.jsonl: is missing"),
        (lambda run: cut(run / "journal.jsonl", 40), "is cut off in the middle of a line"),
        (lambda run: drop_line(run / "journal.jsonl", 5), "journal.jsonl, line 5: event 6 stands where 5 should"),
        (lambda run: (run / "run.json").unlink(), "run.json: is missing"),
        (lambda run: edit(run / "findings.json", "findings", []), "its verdict is not the worst of its findings"),
        (lambda run: edit(run / "findings.json", "findings", [{"check": "x", "verdict": "ok"}]), "'ok' is no verdict"),
    ],
)
def test_damaged_evidence_takes_pass_away_and_is_named(tmp_path: Path, damage: object, said: str) -> None:
    run = sample_runs.passed(tmp_path / "run")
    assert callable(damage)
    damage(run)
    told = reports.render(run)
    assert told.verdict is Verdict.UNKNOWN
    assert said in Page((run / "report.html").read_text()).text
    assert "UNKNOWN" in "\n".join(summary.lines(told))


def test_a_journal_is_shown_up_to_where_it_breaks(tmp_path: Path) -> None:
    run = sample_runs.passed(tmp_path / "run")
    cut(run / "journal.jsonl", 10)
    assert len(run_view.read(run).events) == len((run / "journal.jsonl").read_text().splitlines()) - 1


def test_an_empty_directory_is_rendered(tmp_path: Path) -> None:
    assert reports.render(tmp_path).verdict is Verdict.UNKNOWN
    assert "Too few marks were reached" in page(tmp_path).text


def test_a_fail_stays_a_fail_with_damaged_evidence(tmp_path: Path) -> None:
    run = sample_runs.failed(tmp_path / "run")
    cut(run / "journal.jsonl", 10)
    assert reports.render(run).verdict is Verdict.FAIL


def test_hostile_names_are_harmless_everywhere(tmp_path: Path) -> None:
    sample = sample_runs.hostile(tmp_path / "run")
    run = sample.write()
    reports.render(run)
    text = (run / "report.html").read_text()
    shown = Page(text)
    assert {"script", "img"}.isdisjoint(tag for tag, _ in shown.tags)
    assert not any(name.startswith("on") for _, attrs in shown.tags for name in attrs)
    assert "{{ 7*7 }}" in shown.text  # shown as it is, not computed
    assert not {"\x1b", "\u202e", "\x00"} & set(text)
    assert "\\x1b[31m\\u202e" in text
    assert not {"\x1b", "\u202e", "\x00"} & set("\n".join(summary.lines(run_view.read(run))))


def test_the_report_opens_offline_and_asks_for_nothing(tmp_path: Path) -> None:
    text = html.render(run_view.read(sample_runs.failed(tmp_path / "run")))
    shown = Page(text)
    assert {"script", "link", "img", "iframe", "base"}.isdisjoint(tag for tag, _ in shown.tags)
    assert not any({"src", "href"} & attrs.keys() for _, attrs in shown.tags)
    assert "url(http" not in text
    assert "@import" not in text
    assert ("html", {"lang": "en"}) in shown.tags
    headings = [int(tag[1]) for tag, _ in shown.tags if tag in ("h1", "h2", "h3")]
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))
    assert all(attrs.get("scope") for tag, attrs in shown.tags if tag == "th")


def test_every_definition_is_in_the_report(tmp_path: Path) -> None:
    shown = page(sample_runs.passed(tmp_path / "run")).text
    for word in (*MARKS.values(), *DEFINITIONS.values()):
        assert " ".join(word.split()) in shown


def test_summary_ends_with_verdict_numbers_and_path(tmp_path: Path) -> None:
    run = sample_runs.failed(tmp_path / "run")
    lines = summary.lines(run_view.read(run))
    assert lines[0].startswith("FAIL data-equal[mysql/mysql-2]: table core_iam.client")
    assert lines[1].startswith("  What to do: ")
    assert lines[-8].startswith("FAIL namespace_loss: ")
    assert lines[-7:-1] == (
        "RTO 57.1 s (objective: at most 45.0 s: missed)",
        "Outage 82.4 s (no write acknowledged)",
        "RPO 29.4 s (29 writes lost; no objective)",
        "RPO of a schedule interval + 29.2 s (the most that a schedule of such backups can lose)",
        "Skew 1.2 s (25 ticks; no objective)",
        "Members equal 5 of 9 (4 different)",
    )
    assert lines[-1] == f"report: {run / 'report.html'}"


def test_unseen_characters_are_written_out() -> None:
    assert visible("tab\tnew\nline é 名 \U0001f600") == "tab\tnew\nline é 名 \U0001f600"
    assert visible("\x1b\u202e\ufeff\ud800") == "\\x1b\\u202e\\ufeff\\ud800"
    assert one_line("a\r\n b") == "a b"


def test_durations_are_for_people() -> None:
    assert [duration(each) for each in (None, 8.44, 99.96, 192, 600)] == [
        "\N{EN DASH}",
        "8.4 s",
        "100.0 s",
        "3 min 12 s",
        "10 min",
    ]


def cut(path: Path, left_off: int) -> None:
    path.write_bytes(path.read_bytes()[:-left_off])


def drop_line(path: Path, number: int) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: number - 1] + lines[number:]))


def edit(path: Path, name: str, value: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))


def test_what_was_not_compared_is_told_with_its_reason(tmp_path: Path) -> None:
    shown = page(sample_runs.passed(tmp_path / "run")).text
    assert "What was not compared, and why" in shown
    assert "indexes: CARDINALITY an estimate, made anew on each member" in shown
    assert "left_out" not in shown


def test_what_looked_well_in_a_bad_recovery_is_shown(tmp_path: Path) -> None:
    sample = sample_runs.story(tmp_path / "run")
    sample.facts["expected_findings"] = [{"check": "ledger-kept", "reason": ["AcknowledgedWriteLost"]}]
    sample.finding("noticed", "pass", "ledger-kept: 170 lost before")
    rest: list[Json] = [
        {"check": "ledger-kept", "verdict": "fail", "detail": "170 lost before"},
        {"check": "restore-complete", "verdict": "pass", "detail": "the tool says of its restore: Completed"},
    ]
    sample.judged["recovery"] = rest
    page = html.render(run_view.read(sample.write()))
    before, after = page.split("<summary>Checks that passed")
    assert "170 lost before" in before
    assert "restore-complete: the tool says of its restore: Completed" in after
