"""The after-action report: what people said and what was recorded, in the order of NIST SP 800-84 and FedRAMP's tests.

What people say comes from the run's `about` and from its reviews; the rest from the evidence. Nothing is made up: what
nobody said is OPEN. One list of sections is rendered as HTML and as DOCX.
"""

import io
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from docx import Document
from docx.shared import RGBColor

from harness.core import resources
from harness.core.json import items, mapping, number, text
from harness.core.model import Event, Json, Verdict, worst
from harness.core.text import duration, plural, visible
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_view import RunView
from harness.evidence.signing import attestation
from harness.evidence.signing.attestation import Verified
from harness.evidence.signing.files import Directory, digest
from harness.reports.controls import objectives
from harness.reports.html import template
from harness.reports.junit import causes, sentence
from harness.reports.pictures import Step, steps
from harness.reports.summary import about as where_and_when
from harness.reports.summary import says

_FILE = tomllib.loads((resources.folder("reports/templates") / "after_action.toml").read_text(encoding="utf-8"))
OPEN: str = _FILE["open"]
STEPS: Mapping[str, Mapping[str, Mapping[str, Json]]] = _FILE["step"]  # by kind of run and name of step
METHODS: Mapping[str, str] = _FILE["method"]

_FIGURES = {"rto_s": "RTO", "rpo_s": "RPO"}
_MTD = "maximum_tolerable_downtime_s"
_RED = RGBColor(0xB3, 0x26, 0x1E)


@dataclass(frozen=True)
class Section:
    """A table with headings, or pairs of a name and a value where there are none."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    heads: tuple[str, ...] = ()


@dataclass(frozen=True)
class AfterAction:
    title: str
    verdict: Verdict
    says: str
    alarms: tuple[str, ...]  # why it must not be relied on; shown first
    sections: tuple[Section, ...]


def read(view: RunView, known: Mapping[str, str]) -> AfterAction:
    """The report of a run directory; `known` are the trusted keys. Unreadable if a file cannot be read."""
    found = attestation.verify(Directory(view.run))
    alarms = [f"The run is not what was signed: {each}" for each in found.problems]
    if found.problems and (found.reviews or any("review-" in each.file for each in found.problems)):
        alarms.insert(0, "THE REVIEW DOES NOT COUNT: the evidence changed since it was reviewed.")
    of = [(n, text(each.said, "of", "verdict")) for n, each in enumerate(found.reviews, 1)]
    alarms += [
        f"Review {n} was of the verdict {verdict.upper()}; the evidence is now judged {view.verdict.name}."
        for n, verdict in of
        if verdict != view.verdict.value
    ]
    sections = tuple(_visible(each) for each in _sections(view, found, known))
    return AfterAction(visible(view.scenario), view.verdict, visible(says(view)), tuple(map(visible, alarms)), sections)


def render(report: AfterAction) -> str:
    return template("after_action.html").render(report=report, verdict=report.verdict.name, open=OPEN)


def docx(report: AfterAction) -> bytes:
    document = Document()
    document.core_properties.title = f"After-action report: {report.title}"
    document.core_properties.author = "drillproof"
    document.add_heading(f"After-action report: {report.title}", 0)
    document.add_paragraph(f"{report.verdict.name}: {report.says}")
    for alarm in report.alarms:
        run = document.add_paragraph().add_run(alarm)
        run.bold, run.font.color.rgb = True, _RED
    for number_, section in enumerate(report.sections, 1):
        document.add_heading(f"{number_}. {section.title}", 1)
        rows = (section.heads, *section.rows) if section.heads else section.rows
        table = document.add_table(len(rows), len(rows[0]), "Table Grid")
        for cells, words in zip(table.rows, rows, strict=True):
            for cell, word in zip(cells.cells, words, strict=True):
                run = cell.paragraphs[0].add_run(word)
                run.italic = word == OPEN
                run.bold = words is section.heads
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _sections(view: RunView, found: Verified, known: Mapping[str, str]) -> Iterator[Section]:
    about, kind = mapping(view.facts, "about"), text(view.facts, "kind") or "drill"
    said = [mapping(each.said, "said") for each in found.reviews]

    def stated(name: str) -> str:
        return text(about, name) or OPEN

    yield Section(
        "Purpose",
        (
            ("Stated", stated("purpose")),
            ("Asked by", stated("asked_by")),
            ("Ticket", stated("ticket")),
            ("Recorded", text(view.facts, "summary") or "no summary"),
        ),
    )
    yield Section(
        "System",
        (("Stated", stated("system")), ("Location", stated("location")), ("Recorded", where_and_when(view))),
    )
    yield Section("Date", (("Began", _when(view.events[:1])), ("Ended", _when(view.events[-1:]))))
    yield Section("Lead", (("Run by", stated("run_by")),))
    yield _listed("Participants", items(about, "participants"))
    members = ", ".join(f"{store} ({plural(len(names), 'member')})" for store, names in view.members.items())
    yield Section("Scope", (("Stated", stated("scope")), ("Recorded", members or "no store")))
    yield _listed("Assumptions", items(about, "assumptions"))
    yield Section(
        "Objectives",
        (
            ("Recorded", "; ".join(objectives(view)) or "no objective"),
            ("Maximum tolerable downtime, stated", _limit(number(about.get(_MTD)))),
        ),
    )
    yield Section(
        "Method",
        (
            ("Plan", stated("plan")),
            ("Revision", stated("revision")),
            ("Method", METHODS.get(kind, METHODS["drill"])),
            ("Backup engine", text(view.facts, "engine") or "not recorded"),
            ("Hooks of the user", str(len(items(view.facts, "hooks")))),
            ("Run", view.run.name),
            ("Evidence, SHA-256", _evidence(view, found)),
        ),
    )
    yield Section("Steps", tuple(_step(view, kind, each) for each in steps(view)) or (("none", "", "", ""),), _STEPS)
    yield Section("Recovery figures", tuple(_figures(view, about)), ("Figure", "Limit", "Measured", "Result"))
    deviations = [("Recorded", sentence(each.finding)) for each in causes(view)]
    yield Section(
        "Deviations",
        (*(deviations or [("Recorded", "none: every check passed")]), *_pairs("Stated", said, "deviations")),
    )
    actions = [mapping(each) for one in said for each in items(one, "actions")]
    rows = tuple(tuple(text(each, name) or OPEN for name in ("title", "owner", "due")) for each in actions)
    yield Section("Action items", rows or ((OPEN,) * 3,), ("Action", "Owner", "Due"))
    yield Section("Lessons", tuple(_pairs("Stated", said, "lessons")))
    yield Section("Plan changes", tuple(_pairs("Stated", said, "plan_changes")))
    yield Section("Approval", tuple(_approval(about, found, known)))


_STEPS = ("Step", "Action", "Expected", "Actual")


def _visible(section: Section) -> Section:
    return replace(section, rows=tuple(tuple(map(visible, row)) for row in section.rows))


def _listed(title: str, values: Sequence[Json]) -> Section:
    return Section(title, tuple((str(n), text(each)) for n, each in enumerate(values, 1)) or (("Stated", OPEN),))


def _pairs(name: str, said: Iterable[Mapping[str, Json]], key: str) -> Iterator[tuple[str, str]]:
    found = [(name, text(each)) for one in said for each in items(one, key)]
    yield from found or [(name, OPEN)]


def _when(events: Sequence[Event]) -> str:
    return events[0].at if events else "not recorded"


def _limit(seconds: float | None) -> str:
    return OPEN if seconds is None else f"at most {duration(seconds)}"


def _evidence(view: RunView, found: Verified) -> str:
    return digest(Directory(view.run), attestation.EVIDENCE) if found.evidence else "not signed"


def _step(view: RunView, kind: str, step: Step) -> tuple[str, ...]:
    known = STEPS.get(kind, {}).get(step.name, {})
    faults = [mapping(each) for each in items(view.facts, "faults") if text(each, "step") == step.name]
    action = text(known, "action") + "".join(f"; fault: {text(each, 'name')}" for each in faults)
    actual = [f"{step.how}{f' in {duration(step.took_s)}' if step.took_s is not None else ''}"]
    actual += [step.detail] if step.detail else []
    for check in map(text, items(known, "checks")):
        findings = [each for each in view.findings if each.check == check]
        good = sum(each.verdict is Verdict.PASS for each in findings)
        if findings:
            verdict = worst(each.verdict for each in findings)
            actual.append(f"{check} {verdict.name} ({good} of {len(findings)})")
    return (step.name, action, text(known, "expected"), "; ".join(actual))


def _figures(view: RunView, about: Mapping[str, Json]) -> Iterator[tuple[str, ...]]:
    """Each figure with its limit; of a recovery that is bad on purpose, none counts."""
    bad = expects_findings(view.facts)
    limits = mapping(view.judged, "objectives") or mapping(view.facts, "objectives")
    for name, word in _FIGURES.items():
        yield _figure(word, number(limits.get(name)), None if bad else number(view.judged, name), "no objective")
    marks = view.marks
    outage = marks["T8"] - marks["T2"] if {"T2", "T8"} <= marks.keys() else number(view.judged, "rto_s")
    what = "Downtime (last write before the fault to the first new one)" if "T2" in marks else "Downtime (the RTO)"
    yield _figure(what, number(about.get(_MTD)), None if bad else outage, OPEN)


def _figure(name: str, limit: float | None, value: float | None, missing: str) -> tuple[str, ...]:
    measured = "not measured" if value is None else duration(value)
    result = "not judged" if None in {limit, value} else "met" if (value or 0) <= (limit or 0) else "MISSED"
    return (name, missing if limit is None else f"at most {duration(limit)}", measured, result)


def _approval(about: Mapping[str, Json], found: Verified, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "Approved before the run by", text(about, "approved_by") or OPEN
    yield "Approved on", text(about, "approved_on") or OPEN
    for n, each in enumerate(found.reviews, 1):
        signed = mapping(each.said, "said", "sign_off")
        words = ", ".join(filter(None, (text(signed, name) for name in ("name", "role", "on"))))
        yield f"Review {n}", each.by(known)
        yield f"Review {n}, signed off by", words or OPEN
    if not found.reviews:
        yield "Signed off by", OPEN
