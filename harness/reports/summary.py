"""A run in a few lines of plain text: the verdict in words, the numbers, what was found, where to read on."""

from __future__ import annotations

from harness.core.model import Verdict
from harness.core.text import one_line
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_view import RunView
from harness.reports import migration, proof
from harness.reports.equality import stores
from harness.reports.junit import label
from harness.reports.metrics import figures

SAYS = {
    Verdict.PASS: "The recovery was proved: what was read back is what it should be.",
    Verdict.FAIL: "The recovery was bad. The findings say what did not come back as it should.",
    Verdict.UNKNOWN: "This drill could not be judged. It proved nothing, so it is not a pass.",
}
"""What each verdict means for the reader, in one sentence."""

SAYS_NOTICED = SAYS | {
    Verdict.PASS: "The backup or the restore is bad on purpose, and those who should notice did.",
    Verdict.FAIL: "The backup or the restore is bad on purpose, and somebody who should have noticed did not.",
}
"""The same where a bad recovery had to be noticed."""


UNFENCED = "No fence was around this cluster, which is not drillproof's: what left it was not counted."


def says(story: RunView) -> str:
    """What the verdict means in this drill, and what it says nothing of."""
    if proof.is_proof(story):
        return proof.says(story)
    if migration.is_move(story):
        return migration.says(story)
    meant = (SAYS_NOTICED if expects_findings(story.facts) else SAYS)[story.verdict]
    return meant if story.fenced else f"{meant} {UNFENCED}"


def lines(story: RunView) -> tuple[str, ...]:
    """What a terminal shows at the end of a drill; the verdict first, the report's path last."""
    bad = [finding for finding in story.findings if finding.verdict is not Verdict.PASS]
    return (
        *(one_line(f"{each.verdict.name} {label(each)}: {each.detail}") for each in bad),
        *(one_line(f"UNKNOWN evidence: {problem}") for problem in story.problems),
        one_line(f"{story.verdict.name}  {story.scenario}: {says(story)}"),
        *(f"{each.name} {each.value} ({each.note})" for each in figures(story, stores(story))),
        f"report: {story.run / 'report.html'}",
    )
