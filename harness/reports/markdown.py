"""A run in Markdown, for a pull request or a job summary: verdict, figures, findings, members."""

from harness.core.json import text
from harness.core.model import Verdict
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_view import RunView
from harness.reports.equality import stores
from harness.reports.html import template
from harness.reports.junit import bad, label
from harness.reports.metrics import figures
from harness.reports.summary import says

SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.UNKNOWN: "❓"}

MOST = 20  # how many findings are shown; the report has all
_MOST_CHARACTERS = 500


def render(view: RunView) -> str:
    """The whole page. Text from a cluster is never markup, and the page stays small."""
    read_back = stores(view)
    detected = [each for each in view.findings if each.check == "noticed" and each.verdict is Verdict.PASS]
    return page(
        "report.md",
        view,
        figures=figures(view, read_back),
        shown=[*bad(view), *detected],
        passed=sum(each.verdict is Verdict.PASS for each in view.findings) - len(detected),
        detection=expects_findings(view.facts),
        recovery={name: [each for each in view.recovery if each.verdict.name == name] for name in ("FAIL", "UNKNOWN")},
        members=[(store.name, member) for store in read_back for member in store.members],
        settings=[(name, text(view.facts[name])) for name in ("strategy", "engine", "size") if name in view.facts],
    )


def page(name: str, view: RunView, **values: object) -> str:
    known = {"view": view, "says": says(view), "signs": SIGNS, "label": label, "short": _short, "most": MOST}
    return template(name).render(known, **values).rstrip("\n") + "\n"


def _short(words: str) -> str:
    return words if len(words) <= _MOST_CHARACTERS else f"{words[:_MOST_CHARACTERS]} …"
