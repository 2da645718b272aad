"""The documents as tests read them, and the only place in tests/docs that names modules of the harness."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token
from typer.core import TyperCommand, TyperGroup

from docs import tables
from harness.backups import bucket_reader as source
from harness.cli import app as cli
from harness.clusters import permissions_file
from harness.core import resources as data
from harness.workflows.drill import scenario
from harness.workloads.manifests import spec as application_file

__all__ = ["application_file", "cli", "data", "permissions_file", "scenario", "source", "tables"]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MATRIX = ROOT / "reports" / "sample" / "matrix.json"
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))
"""What the rules for words, links and blocks hold for."""


@dataclass(frozen=True)
class Block:
    """One fenced block of code."""

    where: str  # page:line
    language: str
    text: str


def name(page: Path) -> str:
    """The page as seen from the root of the repository."""
    return page.relative_to(ROOT).as_posix()


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    """The page, parsed."""
    return tuple(MarkdownIt("commonmark").enable(["table"]).parse(page.read_text(encoding="utf-8")))


def blocks(page: Path) -> Iterator[Block]:
    """Its blocks of code; one that is indented and not fenced has no language."""
    for token in tokens(page):
        if token.type in {"fence", "code_block"}:
            yield Block(f"{name(page)}:{(token.map or [0])[0] + 1}", token.info.strip(), token.content)


def spans(page: Path) -> Iterator[str]:
    """What stands between backticks in its prose."""
    for token in tokens(page):
        yield from (child.content for child in token.children or () if child.type == "code_inline")


def links(page: Path) -> Iterator[str]:
    """Where its links and pictures lead."""
    for token in tokens(page):
        for child in token.children or ():
            yield str(child.attrGet("href") or child.attrGet("src") or "")


def prose(page: Path) -> Iterator[tuple[str, str]]:
    """Each paragraph, heading or cell with its place, without code, comments and addresses."""
    line = 0
    for token in tokens(page):
        line = token.map[0] + 1 if token.map else line
        if token.type == "inline":
            shown = {"text": None, "softbreak": " ", "code_inline": "\N{EM DASH}"}
            said = (shown[child.type] or child.content for child in token.children or () if child.type in shown)
            yield f"{name(page)}:{line}", "".join(said)


def anchors(page: Path) -> set[str]:
    """The anchors of its headings, as GitHub and the site make them."""
    found = tokens(page)
    heads = (token.content for token, before in zip(found[1:], found, strict=False) if before.type == "heading_open")
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@cache
def command(words: tuple[str, ...]) -> TyperCommand | TyperGroup | None:
    """The command that these words call, a group of commands, or None."""
    found: object = typer.main.get_command(cli.app)
    for word in words:
        found = found.commands.get(word) if isinstance(found, TyperGroup) else None
    return found if isinstance(found, TyperCommand | TyperGroup) else None


def resolved(words: list[str]) -> tuple[TyperCommand | TyperGroup, list[str]]:
    """The command that the words after `drillproof` call, and what is left of them. KeyError if there is none."""
    found, used = command(()), 0
    while isinstance(found, TyperGroup) and used < len(words) and not words[used].startswith("-"):
        found, used = command(tuple(words[: used + 1])), used + 1
    if found is None:
        raise KeyError(f"there is no command `drillproof {' '.join(words[:used])}`")
    return found, words[used:]


@cache
def targets() -> frozenset[str]:
    """The targets of the Makefile."""
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def retired() -> Mapping[re.Pattern[str], str]:
    """Patterns of words that are no longer used, with what to write instead."""
    lines = (DOCS / "retired-words.txt").read_text(encoding="utf-8").splitlines()
    rules = (line.split(" -> ") for line in lines if line and not line.startswith("#"))
    return {re.compile(pattern, re.IGNORECASE): instead for pattern, instead in rules}
