"""A run in a few lines of plain text: findings, verdict, figures, and where to read more."""

from __future__ import annotations

from collections.abc import Mapping

from harness.checks import migration_metrics, proof_metrics
from harness.core.json import mapping, text
from harness.core.model import Verdict
from harness.core.text import one_line
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_directory import MOVE, PROOF
from harness.evidence.run_view import RunView
from harness.reports.equality import stores
from harness.reports.junit import label
from harness.reports.metrics import figures

_DRILL = {
    Verdict.PASS: "The recovery is proved: all data that were read back are as expected.",
    Verdict.FAIL: "The recovery failed. The findings say what was not restored as expected.",
    Verdict.UNKNOWN: "This drill could not be judged. It proves nothing, so it is not a pass.",
}
_DETECTION = _DRILL | {
    Verdict.PASS: "The injected failure was detected by the expected check.",
    Verdict.FAIL: "The injected failure was not detected by the expected check.",
}
_PROOF = {
    Verdict.PASS: "The backup {backup} can be restored{more}.",
    Verdict.FAIL: "The backup {backup} cannot be restored as expected. The findings say what is wrong.",
    Verdict.UNKNOWN: "Whether the backup {backup} can be restored was not fully judged, so this is not a pass.",
}
_MIGRATION = {
    Verdict.PASS: "{target} equals {source} on every member; the source did not change, and is still quiesced.",
    Verdict.FAIL: "{target} differs from {source}, or the source changed. The findings say what is wrong; return to "
    "the source with `drillproof migrate back`.",
    Verdict.UNKNOWN: "Whether {target} equals {source} was not fully judged, so this is not a pass; return to the "
    "source with `drillproof migrate back`.",
}

UNFENCED = "This shared cluster had no network isolation: packets that left it were not counted."


def says(view: RunView) -> str:
    """What the verdict means for this run, and what it does not prove."""
    kind = view.facts.get("kind")
    if kind == PROOF:
        equal = any(finding.check == "data-equal" for finding in view.findings)
        more = " and its databases are sound" + (", and the data equal all fingerprints" if equal else "")
        backup = text(view.facts, "backup", "name") or "unknown"
        meant = _PROOF[view.verdict].format(backup=backup, more=more)
        return f"{meant} NOT proved: {'; '.join(proof_metrics.not_proved(view.facts, view.events))}."
    if kind == MOVE:
        meant = _MIGRATION[view.verdict].format(source=_end(view, "source"), target=_end(view, "target"))
        return f"{meant} NOT proved: {'; '.join(migration_metrics.not_proved(view.facts, view.events))}."
    meant = (_DETECTION if expects_findings(view.facts) else _DRILL)[view.verdict]
    return meant if view.fenced else f"{meant} {UNFENCED}"


def definitions(view: RunView) -> Mapping[str, str]:
    """The words that have another meaning in this kind of run than in a drill."""
    kinds = {PROOF: proof_metrics.DEFINITIONS, MOVE: migration_metrics.DEFINITIONS}
    return kinds.get(text(view.facts, "kind"), {})


def lines(view: RunView) -> tuple[str, ...]:
    """What a terminal shows at the end of a run: findings that did not pass, verdict, figures, the report's path."""
    bad = [finding for finding in view.findings if finding.verdict is not Verdict.PASS]
    return (
        *(one_line(f"{each.verdict.name} {label(each)}: {each.detail}") for each in bad),
        *(one_line(f"UNKNOWN evidence: {problem}") for problem in view.problems),
        one_line(f"{view.verdict.name}  {view.scenario}: {says(view)}"),
        *(f"{each.name} {each.value} ({each.note})" for each in figures(view, stores(view))),
        f"report: {view.run / 'report.html'}",
    )


def _end(view: RunView, which: str) -> str:
    end = mapping(view.facts, which)
    context = text(end, "context") or "an unknown context"
    return f"{text(end, 'namespace') or 'an unknown namespace'} of {context}"
