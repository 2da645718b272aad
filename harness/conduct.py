"""One drill from what was asked to what it told, however it ends: run, judge, render."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from harness import evidence, journal, judge
from harness.errors import HarnessError, Interrupted, Misconfigured, Unreadable
from harness.evidence import Story
from harness.model import Event, Json, Verdict
from harness.options import Options
from harness.progress import Progress
from harness.sabotage.base import Outcome


class Site(Protocol):
    """Where drills run one after the other: see `harness.assembly.Site`."""

    def drill(self, options: Options, on_event: Progress, say: Callable[[str], None]) -> Path:
        """Run one drill, and return its run directory."""

    def settle(self, run: Path, verdict: Verdict) -> None:
        """Say what the last drill came to."""


def conduct(options: Options, progress: Progress, site: Site) -> Story:
    """Run one drill, telling `progress`, and return its story. A run that was begun is always judged and rendered.

    Misconfigured goes through; so does HarnessError where no run was begun. Interrupted is raised
    once the interrupted run has been rendered, and names it. A traceback goes to error.txt.
    """
    try:
        run = site.drill(options, progress, progress.say)
    except Misconfigured:
        raise
    except (KeyboardInterrupt, Interrupted) as error:
        begun = _begun(options.runs, progress.first)
        if begun is None:
            raise Interrupted("interrupted before the drill began") from error
        finish(begun)
        raise Interrupted(f"interrupted; what there is of the drill is in {begun}") from error
    except Exception as error:
        begun = _begun(options.runs, progress.first)
        kept = keep_traceback(begun or options.runs)
        if begun is None:
            trouble = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
            raise HarnessError(f"{trouble}{kept}") from error
        run = begun
    story = finish(run)
    site.settle(run, story.verdict)
    return story


def self_test(options: Options, progress: Progress) -> dict[str, Json]:
    """The real tier: a drill, judged and rendered like any, and what it restored spoilt in every known way."""
    from harness import assembly  # noqa: PLC0415 # loads every client library, which only a real drill needs

    def tell(outcome: Outcome) -> None:
        progress.say(f"{'MISSED' if outcome.missed else 'noticed'}: {outcome.store} {outcome.name}. {outcome.missed}")

    run, told = assembly.self_test(options, progress, progress.say, tell)
    finish(run)
    return told


def finish(run: Path) -> Story:
    """Judge the run directory and render it. HarnessError where it cannot be written."""
    try:
        judge.recheck(run)
        return evidence.render(run)
    except OSError as error:
        raise HarnessError(f"cannot write the evidence into {run}: {error.strerror}") from error


def show(run: Path) -> Story:
    """Render a run directory as it was judged. HarnessError if its findings.json is not what the judge says of it."""
    if not judge.is_current(run):
        again = f"`drillproof recheck {run.name}` judges it anew"
        raise HarnessError(
            f"{run}/findings.json is not what this drillproof says of the run: edited, or older; {again}"
        )
    return evidence.render(run)


def keep_traceback(folder: Path) -> str:
    """Write the exception being handled to `folder`/error.txt, and say where it is; "" if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
    except OSError:
        return ""
    return f" (more in {folder / 'error.txt'})"


def _begun(runs: Path, first: Event | None) -> Path | None:
    """The run whose journal begins with the event that we were told of first; another's run is never ours."""
    if first is None:
        return None
    for path in sorted(runs.glob("*/journal.jsonl"), reverse=True):
        with contextlib.suppress(Unreadable, StopIteration):
            _, line = next(journal.json_lines(path))
            if (line.get("at"), line.get("at_s")) == (first.at, first.at_s):
                return path.parent.resolve()
    return None
