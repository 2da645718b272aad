"""What the report of a migration says on top: see `harness.checks.migration_metrics`."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks import migration_metrics
from harness.core.json import mapping, number, text
from harness.core.model import Verdict
from harness.evidence.run_directory import MOVE
from harness.evidence.run_view import RunView
from harness.reports.proof import counted, of, timed

DEFINITIONS = migration_metrics.DEFINITIONS
"""What the words mean otherwise than in a drill."""

_SAYS = {
    Verdict.PASS: "{target} holds what {source} held, on every member; the source stood still, and is frozen still.",
    Verdict.FAIL: "{target} is not what {source} was, or the source did not stand still. The findings say what is "
    "wrong; `drillproof migrate back` is the way back.",
    Verdict.UNKNOWN: "Whether {target} is what {source} was could not be judged in full, so this is not a pass; "
    "`drillproof migrate back` is the way back.",
}


def is_move(story: RunView) -> bool:
    """Whether an application was moved for good, and nothing drilled."""
    return story.facts.get("kind") == MOVE


def says(story: RunView) -> str:
    """What the verdict means, and in the same breath what was not proved."""
    ends = {end: _end(story, end) for end in ("source", "target")}
    not_proved = "; ".join(migration_metrics.not_proved(story.facts, story.events))
    return f"{_SAYS[story.verdict].format(**ends)} NOT proved: {not_proved}."


def rows(story: RunView) -> Iterator[tuple[str, str, str, str, str]]:
    """The figures: name, meaning, value, note, and good, bad or open."""
    total = len(story.members)
    yield counted("Members equal", "target and source", of(story, "data-equal"), total)
    still = [finding for finding in of(story, "source-unchanged") if finding.member]
    yield counted("Source unchanged", "since it was frozen", still, total)
    asked = mapping(story.judged.get("objectives") or story.facts.get("objectives"))
    yield timed("RTO", "nobody could write", number(story.judged, "rto_s"), number(asked, "rto_s"))


def _end(story: RunView, which: str) -> str:
    end = mapping(story.facts.get(which))
    return (
        f"{text(end.get('namespace')) or 'an unknown namespace'} of {text(end.get('context')) or 'an unknown context'}"
    )
