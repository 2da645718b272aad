"""The tables in docs/ are what the generator makes of the committed evidence; nothing else stands between the marks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from docs import tables
from harness.core import resources
from harness.core.errors import Misconfigured
from harness.core.model import Json
from harness.workflows.drill import scenario

ROOT = Path(__file__).parents[2]
MATRIX = ROOT / "reports" / "sample" / "matrix.json"
ROW: dict[str, Json] = {
    "scenario": "namespace_loss",
    "strategy": "dump",
    "engine": "velero-restic",
    "must": "recover",
    "stores": {"mysql": "pass", "consul": "fail"},
    "passed": 2,
    "failed": 1,
    "unknown": 0,
    "rto_s": 43.252,
    "rpo_s": None,
    "stored_bytes": 45431738,
    "runs": ["one", "two", "three"],
}


NONE = "\N{EN DASH}"


def page(name: str, middle: str = "") -> str:
    return f"# Head\n\n<!-- table: {name} -->\n{middle}<!-- end -->\n\ntail\n"


def cells(text: str) -> list[str]:
    tokens = MarkdownIt("commonmark").enable(["table"]).parse(text)
    return [token.content for token, before in zip(tokens[1:], tokens, strict=False) if before.type == "td_open"]


def test_the_committed_tables_are_made_from_the_committed_runs(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--matrix", str(MATRIX), "--docs", str(ROOT / "docs")]
    assert tables.main([*asked, "--check"]) == 0, f"{capsys.readouterr().out}; `make docs` writes them"
    marks = "".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))
    assert {name for name in tables.TABLES if f"<!-- table: {name} -->" in marks} == set(tables.TABLES)


def test_a_table_may_be_made_from_another_matrix() -> None:
    rows = {"other": [{**ROW, "scenario": "elsewhere"}]}
    assert cells(tables.filled(page("recoveries from other"), [ROW], "page", rows.__getitem__))[0] == "elsewhere"


def test_a_recovery_is_told_with_its_verdicts_and_its_figures() -> None:
    text = tables.filled(page("recoveries"), [ROW], "page")
    assert cells(text) == [
        *("namespace_loss", "dump", "velero-restic", "✓ PASS", "", "✕ FAIL", "2 PASS, 1 FAIL"),
        *("43.3 s", NONE, NONE, NONE, "45.4 MB"),
    ]
    assert text.startswith("# Head\n\n<!-- table: recoveries -->\n\n| disaster |")
    assert text.endswith("\n\n<!-- end -->\n\ntail\n")


def test_what_must_be_noticed_has_a_table_of_its_own_without_figures() -> None:
    rows = [ROW, {**ROW, "scenario": "pack_cut", "must": "be noticed"}]
    assert cells(tables.filled(page("noticed"), rows, "page"))[0] == "pack_cut"
    assert len(cells(tables.filled(page("noticed"), rows, "page"))) == 7
    assert cells(tables.filled(page("noticed"), [ROW], "page"))[0] == "none drilled yet"


def test_what_was_not_drilled_is_named() -> None:
    known = sorted(scenario.load(resources.scenarios()))
    text = tables.filled(page("not drilled"), [ROW], "page")
    assert f"1 disaster of {len(known)} drilled" in text
    assert "`namespace_loss`" not in text
    assert all(f"`{name}`" in text for name in known if name != "namespace_loss")


def test_made_again_it_is_the_same_and_what_was_typed_is_gone() -> None:
    once = tables.filled(page("recoveries", "| typed | by hand |\n"), [ROW], "page")
    assert "by hand" not in once
    assert tables.filled(once, [ROW], "page") == once


def test_a_verdict_that_is_none_is_unknown_and_hostile_names_are_but_text() -> None:
    row = {**ROW, "scenario": "<!-- end -->|<b>", "stores": {"mysql": "perfect"}}
    text = tables.filled(page("recoveries"), [row], "page")
    assert "? UNKNOWN" in text
    assert text.count("<!-- end -->") == 1
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (page("recoverys"), "recoverys"),
        ("<!-- table: noticed -->\n", "page"),
        (f"<!-- table: noticed -->\n{page('recoveries')}", "noticed"),
    ],
)
def test_a_mark_that_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        tables.filled(text, [ROW], "page")
    assert why in str(refused.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rows": []}', '{"rows": [7]}', '{"rows": [{"scenario": "x"}]}'])
def test_what_is_no_matrix_is_refused_in_one_line(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.md").write_text(page("noticed"))
    (tmp_path / "matrix.json").write_text(content)
    assert tables.main(["--matrix", str(tmp_path / "matrix.json"), "--docs", str(tmp_path)]) == 64
    assert capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "page.md").read_text() == page("noticed")


def test_a_page_is_written_once_and_check_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(page("noticed"))
    (tmp_path / "matrix.json").write_text(json.dumps({"rows": [ROW]}))
    asked = ["--matrix", str(tmp_path / "matrix.json"), "--docs", str(tmp_path)]
    assert tables.main([*asked, "--check"]) == 1
    assert (tmp_path / "page.md").read_text() == page("noticed")
    assert tables.main(asked) == 0
    assert tables.main([*asked, "--check"]) == 0


def test_links_of_the_docs_lead_somewhere() -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        for token in MarkdownIt("commonmark").enable(["table"]).parse(path.read_text()):
            for child in token.children or ():
                link = str(child.attrGet("href") or "") if child.type == "link_open" else ""
                if link and "://" not in link:
                    assert (path.parent / link.partition("#")[0]).exists(), f"{path.name}: {link}"
