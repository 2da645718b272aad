"""A run in Markdown and CSV: what it says, that UNKNOWN never looks like PASS, and that hostile names are but text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sample_runs
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from docs import tables
from harness.cli import app as cli
from harness.core.model import Json
from harness.core.text import escaped, one_line
from harness.evidence import run_view
from harness.reports import csv_export, markdown, summary

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = {"text", "softbreak", "strong_open", "strong_close", "em_open", "em_close"}
"""What of a line is ours: text, bold verdicts, and what to do in italics."""


def page(run: Path) -> str:
    return markdown.render(run_view.read(run))


def tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def shown(text: str) -> str:
    """The page as a reader sees it."""
    lines = ("".join(child.content for child in token.children or ()) for token in PARSER.parse(text))
    return "\n".join(lines).replace("\u200b", "")


@pytest.mark.parametrize(
    ("sample", "head"),
    [("passed", "✅ PASS"), ("failed", "❌ FAIL"), ("broken_off", "❓ UNKNOWN")],
)
def test_the_verdict_comes_first_then_what_it_means_and_the_numbers(tmp_path: Path, sample: str, head: str) -> None:
    lines = page(getattr(sample_runs, sample)(tmp_path / "run")).splitlines()
    assert lines[0] == f"## {head} namespace_loss"
    assert not any(other in "\n".join(lines[:3]) for other in {"PASS", "FAIL", "UNKNOWN"} - {head.split()[1]})
    assert lines[6].startswith("| RTO |")
    assert lines[7].startswith("| Outage |")
    assert lines[8].startswith("| RPO |")


def test_findings_are_told_with_their_hints_and_members_with_their_state(tmp_path: Path) -> None:
    text = page(sample_runs.failed(tmp_path / "run"))
    assert "- ❌ **FAIL** data-equal[mysql/mysql-2]: table core_iam.client: 12,000 rows before and after" in text
    assert "*What to do:* Compare the replica with its primary" in text
    assert "- ❓ **UNKNOWN** members-healthy[postgres/postgres-2]" in text
    assert "\n1 more finding passed.\n" in text
    assert "| mysql | mysql-2 | different, 2 differences | healthy, replica |" in text
    assert "| consul | consul-0 | different, 1 difference | healthy, primary |" in text
    assert text.endswith("run run, strategy dump, engine velero-restic, size small\n")
    assert "| RTO | 57.1 s | objective: at most 45.0 s: missed |" in text


def test_evidence_that_is_missing_is_told_and_is_no_pass(tmp_path: Path) -> None:
    run = sample_runs.passed(tmp_path / "run")
    (run / "journal.jsonl").unlink()
    text = page(run)
    assert text.startswith("## ❓ UNKNOWN ")
    assert "- ❓ **UNKNOWN** evidence: journal.jsonl: is missing" in text


def noticed(run: Path, verdict: str, detail: str) -> str:
    sample = sample_runs.story(run)
    sample.facts["expected_findings"] = [{"check": "backup-complete", "reason": ["RepositoryDamaged"]}]
    sample.finding("damage-seen", "pass", "pack 4f has another byte")
    sample.finding("noticed", verdict, detail, "", "", "", "check backup-complete")
    rest: list[Json] = [
        {"check": check, "verdict": each, "detail": words}
        for check, each, words in (
            ("backup-complete", "fail", "the repository is damaged"),
            ("new-write", "unknown", "no new write was tried"),
        )
    ]
    sample.judged["recovery"] = rest
    return page(sample.write())


def test_a_drill_that_must_be_noticed_is_told_as_one(tmp_path: Path) -> None:
    text = noticed(tmp_path / "good", "pass", "backup-complete: the repository is damaged")
    assert text.startswith("## ✅ PASS ")
    assert summary.says(run_view.read(tmp_path / "good")) in text
    assert "- ✅ **PASS** noticed: backup-complete: the repository is damaged" in text
    assert "| Detected | 1 of 1 | backup-complete |" in text
    assert "### Other" in text.split("- ❌ **FAIL** backup-complete: the repository is damaged")[0]
    assert "- 1 finding UNKNOWN" in text
    assert "| RTO |" not in text
    assert "### Members" not in text
    text = noticed(tmp_path / "bad", "fail", "it was missed")
    assert text.startswith("## ❌ FAIL ")
    assert "- ❌ **FAIL** noticed: it was missed" in text
    assert len({summary.says(run_view.read(tmp_path / name)) for name in ("good", "bad")}) == 2


def test_it_stays_small_whatever_was_found(tmp_path: Path) -> None:
    sample = sample_runs.recovered(tmp_path / "run")
    for number in range(3000):
        sample.finding("data-equal", "fail", f"{number} " + "x" * 10_000, "y" * 10_000)
    text = page(sample.write())
    assert len(text) < 60_000  # a comment on a pull request may have 65,536 characters
    assert "- and 2980 more, see report.html" in text


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    sample = sample_runs.hostile(tmp_path / "run")
    sample.judged["scenario"] = f"[click](javascript:alert(1)) ![x](http://evil) | @everyone `{sample_runs.HOSTILE}"
    sample.finding("a|b", "fail", "# head\n\n- item\n| cell |", "```\n<script>", "s|t", "m|n")
    text = page(sample.write())
    kinds = {token.type for token in tokens(text)}
    assert not kinds & {"html_inline", "html_block", "link_open", "image", "code_inline", "fence", "s_open"}
    rows = [token for token in tokens(text) if token.type == "tr_open"]
    cells = [token for token in tokens(text) if token.type in {"td_open", "th_open"}]
    assert len(cells) == 3 * (1 + 5) + 4 * 2  # the figures, and one member
    assert len(rows) == 6 + 2
    assert one_line(sample_runs.HOSTILE) in shown(text)
    assert "[click](javascript:alert(1)) ![x](http://evil) | @everyone" in shown(text)
    assert "@everyone" not in text
    assert not {"\x1b", "\u202e", "\x00"} & set(text)
    assert len([token for token in tokens(text) if token.type == "heading_open"]) == 3


PIECES = ("<b>", "</b>", "<!--", "<http://x>", "&lt;", "](x)", "![", "[", "**", "_a_", "``", "~~", "|", "\\", "@all")
LETTERS = st.text(st.sampled_from("ab_*`~[]()<>&|\\!@# .-1:/\n\t\"'") | st.characters(), max_size=5)


@given(st.lists(st.sampled_from(PIECES) | LETTERS, max_size=12).map("".join))
def test_any_text_is_but_text(words: str) -> None:
    made = [token for token in tokens(f"- **FAIL** x: {escaped(words)} y") if token.type not in OURS]
    assert {token.type for token in made} <= {
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
        "inline",
        "text_special",
        "paragraph_close",
        "list_item_close",
        "bullet_list_close",
    }
    assert shown(f"x {escaped(words)} y").strip("\n") == f"x {one_line(words)} y".replace("\u200b", "")


@given(st.lists(st.text(st.sampled_from("ab_*`|\\ <"), max_size=12), min_size=3, max_size=3))
def test_any_text_stays_in_its_cell(words: list[str]) -> None:
    cells = [f"x{word}y" for word in words]
    table = f"| a | b | c |\n|---|---|---|\n{tables.line(cells)}\n"
    found = [token for token in PARSER.parse(table) if token.type == "inline"][3:]
    assert ["".join(child.content for child in token.children or ()) for token in found] == list(map(one_line, cells))


def rows(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_export.render(run_view.read(run)))))


def test_every_number_has_a_line_with_its_unit_in_its_name(tmp_path: Path) -> None:
    told = rows(sample_runs.failed(tmp_path / "run"))
    assert {(row["run"], row["scenario"], row["verdict"]) for row in told} == {("run", "namespace_loss", "fail")}
    by_name = {(row["store"], row["number"]): row["value"] for row in told}
    assert by_name["", "rto_s"] == "57.1"
    assert by_name["", "rpo_writes"] == "29"
    assert by_name["", "objective_rto_s"] == "45"
    assert by_name["", "objective_rpo_s"] == ""
    assert (by_name["", "members"], by_name["", "members_compared"], by_name["", "members_equal"]) == ("9", "9", "5")
    assert by_name["mysql", "lost_before"] == "1"
    assert by_name["consul", "kept"] == "1179"
    assert by_name["mysql", "fail_AcknowledgedWriteLost"] == "1"
    assert not any(number.startswith("pass_") for _, number in by_name)
    assert len(told) == len(by_name)


def test_what_was_not_measured_has_no_value(tmp_path: Path) -> None:
    by_name = {row["number"]: row["value"] for row in rows(sample_runs.broken_off(tmp_path / "run"))}
    assert (by_name["rto_s"], by_name["members_compared"], by_name["members_equal"]) == ("", "0", "")


def test_no_text_is_a_formula(tmp_path: Path) -> None:
    sample = sample_runs.hostile(tmp_path / "run")
    sample.judged["scenario"] = '=cmd|" /C calc"!A0'
    ledger: Json = {f"{sign}1+1": {"kept": 1, f"{sign}x": -1.5} for sign in ("=", "+", "-", "@", "\t=", "\r@")}
    sample.judged["ledger"] = ledger
    told = rows(sample.write())
    assert told[0]["scenario"] == '\'=cmd|" /C calc"!A0'
    for row in told:
        for name, value in row.items():
            assert not re.match(r"[=+\-@\t\r]", value) or name == "value"
    assert {row["value"] for row in told if row["store"]} == {"1", "-1.5"}


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose findings are what the judge says, since it is told so."""
    monkeypatch.setattr("harness.checks.judge.recheck", lambda run, **_: run / "findings.json")
    return sample_runs.failed(tmp_path / "runs" / "run")


def test_report_prints_the_form_that_was_asked_for(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for form in ("text", "markdown", "csv", "json"):
        assert cli.main(["report", str(judged), "--format", form]) == 1
        said[form], err = capsys.readouterr()
        assert err == ""
    assert said["text"].startswith("FAIL data-equal")
    assert said["markdown"] == page(judged)
    assert said["csv"].startswith("run,scenario,verdict,store,number,value\n")
    assert said["json"].startswith("{")


def test_a_form_that_is_none_is_wrong_usage(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(judged), "--format", "markdwn"]) == 64
    assert "did you mean markdown?" in capsys.readouterr().err
