"""Whether the findings of a run can be trusted: they must equal a re-evaluation of its evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.checks import judge
from harness.core.errors import HarnessError
from harness.evidence import run_view as stories
from harness.evidence.run_view import RunView


def believed(run: Path) -> RunView:
    """What a run directory tells; UNKNOWN at best if its findings are not what this judge says of its evidence."""
    story = stories.read(run)
    doubt = "" if story.problems else _disagreement(run)
    return replace(story, problems=(doubt,)) if doubt else story


def _disagreement(run: Path) -> str:
    try:
        if judge.is_current(run):
            return ""
    except (HarnessError, OSError) as error:
        return f"cannot be judged: {error}"
    return f"findings.json: is not what this drillproof says of the run; `drillproof recheck {run.name}` judges it anew"
