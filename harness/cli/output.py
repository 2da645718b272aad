"""What commands print, and their exit codes."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.core.errors import HarnessError
from harness.core.model import Json, Verdict
from harness.core.text import one_line

if TYPE_CHECKING:
    from harness.reports import RunView
    from harness.workflows.progress import Progress

WRONG_USAGE = 64
INTERRUPTED = 130
EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.UNKNOWN: 2}


def watch(*, quiet: bool) -> AbstractContextManager[Progress]:
    """Shows the progress of a run on standard error, unless it is to be `quiet`."""
    from harness.workflows import progress

    return nullcontext(progress.quiet()) if quiet else progress.watch(sys.stderr)


def outcome(view: RunView, *, as_json: bool) -> int:
    """Print the result of a run, and return its exit code."""
    from harness.reports import summary

    if as_json:
        document({**view.judged, "scenario": view.scenario, "verdict": view.verdict.value, "run": str(view.run)})
    else:
        typer.echo("\n".join(summary.lines(view)))
    return EXIT_CODES[view.verdict]


def document(value: object) -> None:
    """Print JSON on one line. Dataclasses become objects, moments ISO 8601 labels, verdicts their values."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def result(value: object, lines: Iterable[str], *, as_json: bool) -> None:
    """Print a result: `value` as JSON, or else the `lines`."""
    if as_json:
        document(value)
    else:
        for line in lines:
            typer.echo(line)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Verdict):
        return value.value
    return str(value) if isinstance(value, Path) else vars(value)


def manifests(objects: Iterable[Json]) -> None:
    """Print Kubernetes objects, as `kubectl apply` takes them."""
    document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def error(message: str, code: int) -> int:
    """Print an error on one line of standard error, and return the exit code; also if nothing can be printed."""
    with contextlib.suppress(OSError):
        typer.echo(f"drillproof: {one_line(message)}", err=True)
    return code


@contextlib.contextmanager
def internal_errors(runs: Path) -> Iterator[None]:
    """Turn an unexpected error into a HarnessError of one line; its traceback goes to `runs`/error.txt."""
    try:
        yield
    except (HarnessError, BrokenPipeError, typer.TyperException):
        raise
    except OSError as error:
        if not error.filename:
            raise _internal(error, runs) from error
        raise HarnessError(f"cannot access {error.filename}: {error.strerror}") from error
    except Exception as error:
        raise _internal(error, runs) from error


def _internal(error: Exception, runs: Path) -> HarnessError:
    from harness.workflows.runner import keep_traceback

    return HarnessError(f"internal error: {type(error).__name__}: {error}{keep_traceback(runs)}")
