"""Pages that are written from the code and from evidence are current, and the site can be built of all of them."""

from __future__ import annotations

import re
from pathlib import Path

import documents
import pytest
from sphinx.cmd import build

from docs import generate

HINT = "`make site` writes it"


def test_the_page_of_commands_is_current() -> None:
    assert generate.COMMANDS.read_text() == generate.commands_page(), HINT


def test_the_page_of_checks_is_current() -> None:
    page = generate.CHECKS.read_text()
    assert "<!-- reasons -->\n" in page
    assert generate.checks_page(page) == page, HINT


def test_the_tables_are_made_from_the_committed_evidence() -> None:
    tables = documents.tables
    rows = tables.rows_of(documents.MATRIX)
    pages = {page: page.read_text() for page in documents.DOCS.rglob("*.md")}
    for page, text in pages.items():
        made = tables.filled(
            text, rows, page.name, lambda name: tables.rows_of(documents.MATRIX.with_name(f"{name}.json"))
        )
        assert made == text, f"{page}: `make docs` writes it"
    marks = set(re.findall(r"<!-- table: (.*?) -->", "".join(pages.values())))
    assert marks == {*tables.TABLES, "recoveries from custos", "noticed from custos", "recoveries from snapshots"}


def test_every_scenario_is_listed_once_by_its_kind() -> None:
    page = (documents.DOCS / "reference" / "scenarios.md").read_text().partition("## Results")[0]
    recoveries, _, detections = page.partition("## Detections")
    scenarios = documents.scenario.load(documents.data.scenarios())
    bad = {name for name, each in scenarios.items() if each.expected_findings}
    assert sorted(re.findall(r"^\| `(\w+)` \|", recoveries, re.MULTILINE)) == sorted(scenarios.keys() - bad)
    assert sorted(re.findall(r"^\| `(\w+)` \|", detections, re.MULTILINE)) == sorted(bad)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")  # MyST's own
def test_the_site_can_be_built_and_asks_nobody(tmp_path: Path) -> None:
    assert build.main(["-q", "-W", "--keep-going", "-b", "html", str(documents.DOCS), str(tmp_path)]) == 0
    assert (tmp_path / "searchindex.js").stat().st_size > 0
    loaded = re.compile(r'<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="(?:https?:)?//[^"]*"')
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(list(documents.DOCS.rglob("*.md")))
    assert {page.name: found for page in pages if (found := loaded.findall(page.read_text()))} == {}
    styles = "".join(style.read_text() for style in (tmp_path / "_static").rglob("*.css"))
    assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", styles)
