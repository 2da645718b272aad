"""Write what the documentation has from the code: the commands' help, and the reason codes of findings.

python docs/generate.py            what `make site` does first
"""  # noqa: INP001 - a script of the documentation, no module of the package

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from harness.checks.check import HINTS
from harness.cli import app as cli
from harness.core.model import Finding
from harness.workloads.exclusions import EXCLUSIONS

REFERENCE = Path(__file__).parent / "reference"
COMMANDS = REFERENCE / "cli.md"
CHECKS = REFERENCE / "checks.md"
WIDTH = 100

_HEAD = """\
# Commands

What `drillproof COMMAND --help` prints. All commands have the same [exit codes](exit-codes.md).

<!-- Written by `make site`; change harness/cli/commands.toml instead. -->
"""
_REASONS = re.compile(r"(?<=<!-- reasons -->\n).*?(?=<!-- end -->)", re.DOTALL)
_OBJECTS = re.compile(r"(?<=<!-- objects -->\n).*?(?=<!-- end of objects -->)", re.DOTALL)


def commands(
    group: TyperGroup | None = None, before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """Every command with the words that call it, in the order of --help; hidden ones are left out."""
    root = group or typer.main.get_group(cli.app)
    for name, command in root.commands.items():
        words = (*before, name)
        if isinstance(command, TyperGroup):
            yield from commands(command, words)
        elif isinstance(command, TyperCommand) and not command.hidden:
            yield words, command


def help_of(words: tuple[str, ...], command: TyperCommand) -> str:
    """What `--help` prints of one command, in lines of WIDTH characters."""
    name = " ".join(("drillproof", *words))
    context = command.make_context(
        name, [], resilient_parsing=True, terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=["--help"]
    )
    return "\n".join(line.rstrip() for line in command.get_help(context).strip().splitlines())


def commands_page() -> str:
    """The page of all commands, as Markdown."""
    parts = (f"## `{' '.join(words)}`\n\n```text\n{help_of(words, command)}\n```\n" for words, command in commands())
    return "\n".join((_HEAD, *parts))


def checks_page(page: str) -> str:
    """The page of checks with its tables of reason codes, in their order, and of what `objects-equal` leaves out."""
    kind = get_type_hints(Finding).get("reason", ())  # none before findings have reasons
    rows = [f"| `{reason.value}` | {reason.meaning} | {HINTS.get(reason, '')} |\n" for reason in kind]
    table = "".join(("\n| Reason | Meaning | What to do |\n|---|---|---|\n", *rows, "\n")) if rows else ""
    rules = "".join(f"| `{what}` | {why} |\n" for what, why in EXCLUSIONS["objects"])
    page = _OBJECTS.sub(lambda _: f"\n| Not compared | Why |\n|---|---|\n{rules}\n", page)
    return _REASONS.sub(lambda _: table, page)


if __name__ == "__main__":
    COMMANDS.write_text(commands_page(), encoding="utf-8")
    CHECKS.write_text(checks_page(CHECKS.read_text(encoding="utf-8")), encoding="utf-8")
