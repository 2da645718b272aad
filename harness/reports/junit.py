"""JUnit XML for CI systems: one case for each finding; FAIL is a failure, UNKNOWN an error."""

from pathlib import Path
from xml.etree import ElementTree as ET

from harness.checks.explanation import Cause, explain
from harness.core.json import number
from harness.core.model import Finding, Verdict
from harness.core.reason import Reason
from harness.core.text import one_line, visible
from harness.evidence.run_view import RunView

FIGURES = ("rto_s", "rpo_s", "rpo_writes", "skew_s", "skew_ticks")
"""The figures of findings.json that are properties, if they were measured."""

_TAGS = {Verdict.FAIL: "failure", Verdict.UNKNOWN: "error"}


def write(view: RunView, path: Path) -> None:
    """Write `view` to `path`. A run without findings, or with missing evidence, has an error and is not green."""
    cases = [*view.findings, *view.doubts]
    if not cases:
        cases = [Finding("evidence", Verdict.UNKNOWN, Reason.NothingJudged, "nothing was judged", "run it again")]
    root = ET.Element("testsuites")
    suite = ET.SubElement(root, "testsuite", name="drillproof", tests=str(len(cases)), skipped="0")
    for verdict, tag in _TAGS.items():
        suite.set(f"{tag}s", str(sum(1 for case in cases if case.verdict is verdict)))
    if view.events:
        suite.set("time", f"{view.events[-1].at_s:.3f}")
        suite.set("timestamp", visible(view.events[0].at))
    properties = ET.SubElement(suite, "properties")
    measured = {name: number(view.judged.get(name)) for name in FIGURES}
    known = {name: f"{value:g}" for name, value in measured.items() if value is not None}
    for name, value in {"verdict": view.verdict.value, "run": view.run.name, **known}.items():
        ET.SubElement(properties, "property", name=name, value=visible(value))
    for finding in cases:
        case = ET.SubElement(suite, "testcase", classname=visible(view.scenario), name=label(finding), time="0")
        if kind := _TAGS.get(finding.verdict):
            problem = ET.SubElement(case, kind, message=visible(finding.detail), type=finding.reason)
            problem.text = visible("\n".join(filter(None, (finding.detail, finding.hint))))
        else:
            ET.SubElement(case, "system-out").text = visible(finding.detail)
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def label(finding: Finding) -> str:
    """A finding's short name: `check[store/member]`."""
    where = "/".join(word for word in (finding.store, finding.member) if word)
    return visible(f"{finding.check}[{where}]" if where else finding.check)


def sentence(finding: Finding) -> str:
    """A finding on one line: `FAIL check[store/member]: detail`."""
    return one_line(f"{finding.verdict.name} {label(finding)}: {finding.detail}")


def causes(view: RunView) -> tuple[Cause, ...]:
    """The findings that did not pass and the problems of the evidence, each below what explains it."""
    return explain((*view.findings, *view.doubts))


def bad(view: RunView) -> tuple[Finding, ...]:
    """The same in one list: every cause, then what follows from it."""
    return tuple(finding for cause in causes(view) for finding in (cause.finding, *cause.follows))
