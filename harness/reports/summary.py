"""A run in a few lines of plain text: findings, verdict, figures, and where to read more."""

from collections.abc import Iterator

from harness.checks.explanation import Cause
from harness.checks.not_proved import not_proved
from harness.core.json import mapping, text
from harness.core.text import duration, one_line, plural
from harness.evidence import run_directory
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_directory import MOVE, PROOF
from harness.evidence.run_view import RunView
from harness.reports.equality import stores
from harness.reports.junit import causes, sentence
from harness.reports.metrics import figures
from harness.reports.texts import VERDICTS

UNFENCED = "This shared cluster had no network isolation: packets that left it were not counted."


def says(view: RunView) -> str:
    """What the verdict means for this run, and what it does not prove."""
    kind = text(view.facts, "kind")
    if kind not in {PROOF, MOVE}:
        meant = VERDICTS["detection" if expects_findings(view.facts) else "drill"][view.verdict.value]
        return meant if view.fenced else f"{meant} {UNFENCED}"
    equal = any(finding.check == "data-equal" for finding in view.findings)
    meant = VERDICTS[kind][view.verdict.value].format(
        backup=text(view.facts, "backup", "name") or "unknown",
        more=" and its databases are sound" + (", and the data equal all fingerprints" if equal else ""),
        source=_end(view, "source"),
        target=_end(view, "target"),
    )
    return f"{meant} NOT proved: {'; '.join(not_proved(view.facts, view.events))}."


def lines(view: RunView) -> tuple[str, ...]:
    """What a terminal shows at the end of a run: causes and what to do, verdict, figures, the report's path."""
    return (
        *(line for cause in causes(view) for line in _cause(cause)),
        one_line(f"{view.verdict.name}  {view.scenario}: {says(view)}"),
        *(f"{each.name} {each.value} ({each.note})" for each in figures(view, stores(view))),
        f"report: {view.run / 'report.html'}",
    )


def about(view: RunView) -> str:
    """What was drilled, where, when and for how long, on one line."""
    began, last = run_directory.began(view.run), view.events[-1:]
    return " · ".join(
        filter(
            None,
            (
                text(view.facts, "application") or ", ".join(view.members),
                _where(view),
                f"{began:%Y-%m-%d %H:%M} UTC" if began else "",
                f"took {duration(last[0].at_s)}" if last else "",
            ),
        )
    )


def _where(view: RunView) -> str:
    shared = text(view.facts, "versions", "context") or text(view.facts, "place", "context")
    return f"cluster {shared}" if shared else "a kind cluster of its own" if view.fenced else "a shared cluster"


def _cause(cause: Cause) -> Iterator[str]:
    yield sentence(cause.finding)
    if cause.finding.hint:
        yield f"  What to do: {one_line(cause.finding.hint)}"
    if cause.follows:
        yield f"  {following(cause)}"


def following(cause: Cause) -> str:
    """How many findings follow from a cause, and from which checks they are."""
    checks = ", ".join(dict.fromkeys(each.check for each in cause.follows))
    verb = "follows" if len(cause.follows) == 1 else "follow"
    return f"{plural(len(cause.follows), 'more finding')} {verb}: {checks}"


def _end(view: RunView, which: str) -> str:
    end = mapping(view.facts, which)
    return f"{text(end, 'namespace') or 'an unknown namespace'} of {text(end, 'context') or 'an unknown context'}"
