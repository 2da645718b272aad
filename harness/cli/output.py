"""What commands print, and the exit codes that they end with."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import typer

from harness.core.model import Json, Verdict

if TYPE_CHECKING:
    from harness.reports import Story
    from harness.workflows.progress import Progress

WRONG_USAGE = 64
INTERRUPTED = 130
EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 2}


def watch(*, quiet: bool) -> AbstractContextManager[Progress]:
    """Who tells on standard error how a drill goes; nobody, if it is to be `quiet`."""
    from harness.workflows import progress

    return nullcontext(progress.quiet()) if quiet else progress.watch(sys.stderr)


def story(told: Story, *, as_json: bool) -> None:
    """How a drill ended."""
    from harness.reports import summary

    if as_json:
        document({**told.judged, "scenario": told.scenario, "verdict": told.verdict.value, "run": str(told.run)})
        return
    typer.echo("\n".join(summary.lines(told)))


def document(value: Json | Mapping[str, Json], *, indent: int | None = None) -> None:
    """JSON for scripts, on one line, or indented for people, too."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=indent))


def complain(message: str, code: int) -> int:
    """Say on one line what is wrong; returns the exit code."""
    from harness.core.text import one_line

    typer.echo(f"drillproof: {one_line(message)}", err=True)
    return code
