"""The notification about an attempt or a run: one JSON document (reports/schema/message.schema.json)."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule.attempt import Attempt
from harness.core.json import items, mapping, number, text
from harness.core.model import Json, Verdict, worst
from harness.core.text import one_line
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_view import RunView
from harness.reports import markdown
from harness.reports.equality import stores
from harness.reports.junit import label
from harness.reports.metrics import figures as shown

MOST = 20  # findings of one run in a notification, at most; its report has all of them


def message(runs: Sequence[RunView], attempt: Attempt | None = None, kept_in: str = "") -> dict[str, Json]:
    """The result of an attempt with its runs, or of runs alone."""
    verdict = attempt.verdict if attempt else worst(run.verdict for run in runs)
    return {
        "schema": 1,
        "text": html.escape(headline(runs, attempt), quote=False),  # as Slack wants it: `<!channel>` must not work
        "verdict": verdict.value,
        "job": attempts.document(attempt) if attempt else None,
        "archive": kept_in or None,
        "runs": [_run(run) for run in runs],
    }


def headline(runs: Sequence[RunView], attempt: Attempt | None = None) -> str:
    """The result in one line, the verdict first."""
    parts = [
        ", ".join(
            [f"{run.verdict.name} {run.scenario}", *(f"{each.name} {each.value}" for each in shown(run, stores(run)))]
        )
        for run in runs
    ]
    if attempt is None:
        return one_line("; ".join(parts))
    job = f"{attempt.verdict.name} {attempt.job}"
    if attempt.how != attempts.ENDED:
        job += f": it {attempts.HOW[attempt.how]}"
    said = [each for each in (*parts, attempt.detail, attempt.missed, *attempt.troubles) if each]
    return one_line("; ".join([job, *said]))


def why(runs: Iterable[RunView]) -> str:
    """The first problem, in one line; "" for none."""
    bad = (finding for run in runs for finding in run.findings if finding.verdict is not Verdict.PASS)
    problems = (problem for run in runs for problem in run.problems)
    return next((one_line(f"{each.verdict.name} {label(each)}: {each.detail}") for each in bad), next(problems, ""))


def _run(run: RunView) -> dict[str, Json]:
    bad = [finding for finding in run.findings if finding.verdict is not Verdict.PASS]
    detection = expects_findings(run.facts)  # a bad recovery on purpose has no figures
    figures = {name: None if detection else number(run.judged.get(name)) for name in ("rto_s", "rpo_s", "rpo_writes")}
    return {
        "run": run.run.name,
        "scenario": run.scenario,
        "strategy": text(run.facts, "strategy"),
        "engine": text(run.facts, "engine"),
        "stores": list(mapping(run.facts, "stores")),
        "verdict": run.verdict.value,
        **figures,
        "findings": [{**asdict(each), "verdict": each.verdict.value} for each in bad[:MOST]],
        "more": max(0, len(bad) - MOST),
        "problems": list(run.problems),
        "not_proved": [text(each) for each in items(run.judged, "not_proved")],
        "markdown": markdown.render(run),
    }
