"""Whether the findings of a run can be trusted: they must equal a re-evaluation of its evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.checks import judge
from harness.core.errors import HarnessError
from harness.evidence import run_view as stories
from harness.evidence.run_view import RunView


def believed(run: Path) -> RunView:
    """The view of a run directory; UNKNOWN at best if its findings differ from a re-evaluation of its evidence."""
    story = stories.read(run)
    doubt = "" if story.problems else _disagreement(run)
    return replace(story, problems=(doubt,)) if doubt else story


def _disagreement(run: Path) -> str:
    try:
        if judge.is_current(run):
            return ""
    except (HarnessError, OSError) as error:
        return f"cannot be evaluated: {error}"
    return f"findings.json: differs from a re-evaluation; `drillproof recheck {run.name}` evaluates the run again"
