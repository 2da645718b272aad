"""Every link leads to a file, and to a heading in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import documents
import pytest

OTHERS = (documents.ROOT / "CHANGELOG.md", *sorted((documents.ROOT / "examples").rglob("*.md")))
CODE = ("harness", "clusters", "examples", "fixtures", "scenarios", "tests", "Makefile", "action.yml", ".ci/run")


def broken(page: Path) -> Iterator[str]:
    """The links of a page that lead nowhere."""
    for link in filter(None, documents.links(page)):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        to = (page.parent / path).resolve() if path else page
        if not to.exists() or (anchor and anchor not in documents.anchors(to)):
            yield link


@pytest.mark.parametrize("page", documents.PAGES, ids=documents.name)
def test_links_of_the_documents(page: Path) -> None:
    assert list(broken(page)) == []


def test_links_of_the_examples() -> None:
    assert {documents.name(page): links for page in OTHERS if (links := list(broken(page)))} == {}


def test_pages_that_code_and_messages_name() -> None:
    files = (
        each
        for top in CODE
        for each in ((documents.ROOT / top).rglob("*") if (documents.ROOT / top).is_dir() else (documents.ROOT / top,))
        if each.is_file() and not {"node_modules", "__pycache__"} & set(each.parts) and each.suffix != ".pyc"
    )
    named = (
        (documents.name(file), page)
        for file in files
        for page in re.findall(r"\bdocs/[\w/-]+\.md\b", file.read_text(encoding="utf-8", errors="ignore"))
    )
    assert sorted({(where, page) for where, page in named if not (documents.ROOT / page).exists()}) == []


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("other.md", True),
        ("other.md#a-head-b--c", True),
        ("#here", True),
        ("https://example.org/", True),
        ("none.md", False),
        ("other.md#none", False),
        ("#none", False),
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, link: str, leads: bool) -> None:
    (tmp_path / "other.md").write_text("# A head: `b` & c\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Here\n\n[x]({link})\n")
    assert list(broken(page)) == ([] if leads else [link])


def test_every_page_is_one_link_from_the_first() -> None:
    linked = {
        (documents.DOCS / link.partition("#")[0]).resolve()
        for link in documents.links(documents.DOCS / "index.md")
        if link
    }
    assert {documents.name(page) for page in documents.DOCS.rglob("*.md") if page not in linked} == {"docs/index.md"}
