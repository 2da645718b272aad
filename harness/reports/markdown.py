"""A run in Markdown, for a pull request or a job summary: verdict, figures, findings, members."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from harness.core.json import text
from harness.core.model import Finding, Verdict
from harness.core.reason import Reason
from harness.core.text import one_line, plural
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_view import RunView
from harness.reports.equality import Member, stores
from harness.reports.junit import bad, label
from harness.reports.metrics import figures
from harness.reports.summary import says

SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.UNKNOWN: "❓"}

MOST = 20
"""How many findings are shown; the report has all."""

_MOST_CHARACTERS = 500

_MARKUP = r"[\\`*|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|\](?=\()"
"""What is markup inside a line; an underscore inside a word is not."""


def render(view: RunView) -> str:
    """The whole page. Text from a cluster is never markup, and the page stays small."""
    return "\n".join(_page(view)) + "\n"


def line(cells: Iterable[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(map(escaped, cells))} |"


def escaped(words: str) -> str:
    """Any text on one line, escaped: no markup, no end of a cell, no tag, and no mention of a user."""
    plain = re.sub(_MARKUP, r"\\\g<0>", one_line(words))
    plain = plain.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"(?<!\w)@(?=\w)", "@&#8203;", plain)


def _page(view: RunView) -> Iterator[str]:
    read_back = stores(view)
    yield f"## {SIGNS[view.verdict]} {view.verdict.name} {escaped(view.scenario)}"
    yield from ("", says(view), "", line(("", "", "")), "|---|---|---|")
    yield from (line((each.name, each.value, each.note)) for each in figures(view, read_back))
    detected = [each for each in view.findings if each.check == "noticed" and each.verdict is Verdict.PASS]
    if shown := [*bad(view), *detected]:
        yield from ("", "### Findings", "", *_findings(shown))
    if passed := sum(each.verdict is Verdict.PASS for each in view.findings) - len(detected):
        yield from ("", f"{plural(passed, 'more finding' if shown else 'finding')} passed.")
    if expects_findings(view.facts):
        yield from ("", "### Other findings about this recovery (they do not count)", "")
        yield from _findings([finding for finding in view.recovery if finding.verdict is Verdict.FAIL])
        unsure = sum(1 for finding in view.recovery if finding.verdict is Verdict.UNKNOWN)
        yield f"- {plural(unsure, 'finding')} UNKNOWN; a drill that ends early leaves questions open"
    elif members := [(store.name, member) for store in read_back for member in store.members]:
        yield from ("", "### Members", "", line(("store", "member", "data", "health")), "|---|---|---|---|")
        yield from (line((store, *_member(member))) for store, member in members)
    settings = [f"{name} {text(view.facts[name])}" for name in ("strategy", "engine", "size") if name in view.facts]
    yield from ("", escaped(", ".join([f"run {view.run.name}", *settings])))


def _findings(found: Sequence[Finding]) -> Iterator[str]:
    for each in found[:MOST]:
        hint = f" *What to do:* {escaped(short(each.hint))}" if each.hint else ""
        what = f"{label(each)}: {short(each.detail)}"
        yield f"- {SIGNS[each.verdict]} **{each.verdict.name}** {escaped(what)} {_reason(each)}{hint}"
    if len(found) > MOST:
        yield f"- and {len(found) - MOST} more, see report.html"


def _reason(finding: Finding) -> str:
    return "" if finding.reason is Reason.Unspecified else f" ({finding.reason})"


def _member(member: Member) -> tuple[str, str, str]:
    differ = f", {plural(len(member.differences), 'difference')}" if member.differences else ""
    return member.name, f"{member.state}{differ}", f"{member.health}{f', {member.role}' if member.role else ''}"


def short(words: str) -> str:
    """The beginning of a long text."""
    return words if len(words) <= _MOST_CHARACTERS else f"{words[:_MOST_CHARACTERS]} …"
