"""A run in Markdown, for a pull request or a job's summary: the verdict first, then the numbers, members, findings."""

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
from harness.reports.junit import label
from harness.reports.metrics import figures
from harness.reports.summary import says

SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.UNKNOWN: "❓"}

MOST = 20
"""No more findings of one kind are told; all are in the report."""

_MOST_CHARACTERS = 500

_MARKUP = r"[\\`*|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|\](?=\()"
"""What would be more than text in the midst of a line; an underscore inside a word is none."""


def render(story: RunView) -> str:
    """The whole page. Nothing in it that came from a cluster is markup, and it stays small whatever the run holds."""
    return "\n".join(_page(story)) + "\n"


def line(cells: Iterable[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(map(escaped, cells))} |"


def escaped(words: str) -> str:
    """Any text as itself, on one line: no markup, no cell's end, no tag, and nobody is called."""
    plain = re.sub(_MARKUP, r"\\\g<0>", one_line(words))
    plain = plain.replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"(?<!\w)@(?=\w)", "@&#8203;", plain)


def _page(story: RunView) -> Iterator[str]:
    noticing = expects_findings(story.facts)
    read_back = stores(story)
    yield f"## {SIGNS[story.verdict]} {story.verdict.name} {escaped(story.scenario)}"
    yield from ("", says(story), "", line(("", "", "")), "|---|---|---|")
    yield from (line((each.name, each.value, each.note)) for each in figures(story, read_back))
    told = [finding for finding in story.findings if finding.verdict is not Verdict.PASS or finding.check == "noticed"]
    told += story.doubts
    if told:
        yield from ("", "### What was found", "", *_findings(told))
    if passed := len(story.findings) - sum(1 for finding in told if finding in story.findings):
        yield from ("", f"{plural(passed, 'more finding')} passed." if told else f"{plural(passed, 'finding')} passed.")
    if noticing:
        yield from ("", "### What else the checks said of it (it makes no verdict)", "")
        yield from _findings([finding for finding in story.recovery if finding.verdict is Verdict.FAIL])
        unsure = sum(1 for finding in story.recovery if finding.verdict is Verdict.UNKNOWN)
        yield f"- {plural(unsure, 'answer')} UNKNOWN; a drill that ends early does not come to all questions"
    elif members := [(store.name, member) for store in read_back for member in store.members]:
        yield from ("", "### Members", "", line(("store", "member", "data", "health")), "|---|---|---|---|")
        yield from (line((store, *_member(member))) for store, member in members)
    settings = [f"{name} {text(story.facts[name])}" for name in ("strategy", "engine", "size") if name in story.facts]
    yield from ("", escaped(", ".join([f"run {story.run.name}", *settings])))


def _findings(told: Sequence[Finding]) -> Iterator[str]:
    for each in told[:MOST]:
        hint = f" *What to do:* {escaped(_short(each.hint))}" if each.hint else ""
        what = f"{label(each)}: {_short(each.detail)}"
        yield f"- {SIGNS[each.verdict]} **{each.verdict.name}** {escaped(what)} {_reason(each)}{hint}"
    if len(told) > MOST:
        yield f"- and {len(told) - MOST} more, see report.html"


def _reason(finding: Finding) -> str:
    return "" if finding.reason is Reason.Unspecified else f" ({finding.reason})"


def _member(member: Member) -> tuple[str, str, str]:
    differ = f", {plural(len(member.differences), 'difference')}" if member.differences else ""
    return member.name, f"{member.state}{differ}", f"{member.health}{f', {member.role}' if member.role else ''}"


def _short(words: str) -> str:
    return words if len(words) <= _MOST_CHARACTERS else f"{words[:_MOST_CHARACTERS]} …"
