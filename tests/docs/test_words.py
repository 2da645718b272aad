"""No retired word in the documents, in what the commands say of themselves, or in the schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import documents
import pytest

from docs import generate
from harness.core.model import Json

RETIRED = documents.retired()


def found(said: Iterable[tuple[str, str]]) -> list[str]:
    """Each retired word with its place, its surroundings, and what to write instead."""
    return [
        f"{where}: ...{text[max(0, match.start() - 30) : match.end() + 30]}...: write {instead}"
        for where, text in said
        for pattern, instead in RETIRED.items()
        for match in pattern.finditer(text)
    ]


def help_texts() -> Iterator[tuple[str, str]]:
    for words, command in generate.commands():
        shown = re.sub(r"`[^`]*`|\S*--?[a-z]\S*", "\N{EM DASH}", generate.help_of(words, command))
        yield " ".join(words), " ".join(shown.partition("Examples:")[0].split())


def schema_texts() -> Iterator[tuple[str, str]]:
    def inside(value: Json) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (str(text) for key, text in value.items() if key in {"title", "description"})
            yield from (text for each in value.values() for text in inside(each))
        elif isinstance(value, list):
            yield from (text for each in value for text in inside(each))

    for path in sorted((documents.ROOT / "reports" / "schema").glob("*.json")):
        yield from ((path.name, text) for text in inside(json.loads(path.read_text())))


@pytest.mark.parametrize("page", documents.PAGES, ids=documents.name)
def test_documents(page: Path) -> None:
    assert found(documents.prose(page)) == []


def test_help_of_commands() -> None:
    assert found(help_texts()) == []


def test_schemas() -> None:
    assert found(schema_texts()) == []


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("An image that cannot be had.", "available"),
        ("A cluster that is there, by its context.", "existing"),
        ("A restore that makes way first.", "deletes"),
        ("Bad on purpose, and those who should notice did.", "detect"),
        ("Somebody's Velero", "someone"),
        ("Verify a backup", "prove"),
        ("The tool was told.", "reported"),
    ],
)
def test_a_retired_word_is_found(said: str, instead: str) -> None:
    (line,) = found([("here", said)])
    assert instead in line


def test_code_is_not_prose_and_a_word_across_lines_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# `fence-held`\n\n<!-- table: noticed -->\n\nAn image that cannot\nbe had.\n\n```sh\nspoil\n```\n")
    assert len(found(documents.prose(page))) == 1


def test_what_to_write_instead_is_not_retired_itself() -> None:
    assert found((pattern.pattern, instead) for pattern, instead in RETIRED.items()) == []


def test_each_word_of_the_glossary_has_one_line() -> None:
    words = re.findall(r"^\| ([^|]+) \|", (documents.DOCS / "glossary.md").read_text(), re.MULTILINE)[1:]
    assert words == sorted(set(words), key=lambda word: word.lower().replace("-", ""))
