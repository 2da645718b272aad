"""Which controls a run supports: for each the worst of its findings, and the reasons against it.

A control is supported only if every check that it needs has passed, in a drill with complete evidence. A check without
a finding, an UNKNOWN, or a missing objective leaves it unsupported, with the reason. A check that cannot apply to a run
(a login, where nobody can log in) is listed as not applicable.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from harness.core import resources
from harness.core.json import mapping, number, text
from harness.core.model import Finding, Json, Verdict, worst
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_view import RunView
from harness.evidence.signing import attestation
from harness.evidence.signing.files import Directory, digest
from harness.reports.junit import sentence
from harness.reports.markdown import SIGNS, page

SIGNED = f"{attestation.FOLDER}/evidence.dsse.json"
"""The signature over the evidence; conclusions are signed again each time they are written."""

NIST = "NIST SP 800-53 Rev. 5"
LIMITS = "A drill supports a control; it does not certify an organization."

_OBJECTIVES = {"rto_s": "RTO", "rpo_s": "RPO"}
_WHOSE = {"application": "yours, by the application file", "scenario": "the scenario's, not yours"}
_WORDS = {Verdict.PASS: "supported", Verdict.FAIL: "not satisfied", Verdict.UNKNOWN: "not satisfied: not shown"}


@dataclass(frozen=True)
class Control:
    framework: str
    name: str  # as the framework writes it
    asks: str
    lacks: str  # what no drill shows
    statement: str  # its id for machines: NIST's own, else drillproof's
    timed: bool = False  # whether it needs objectives for RTO and RPO


@dataclass(frozen=True)
class Shows:
    shows: str
    lacks: str
    controls: tuple[str, ...]  # the names of those that it counts for
    kinds: tuple[str, ...]  # the kinds of events that it reads
    ledger: bool = False  # whether it reads ledger/, too
    applies: str = ""  # to what runs, see `_APPLIES`; "" for all
    otherwise: str = ""  # why it applies to no other


@dataclass(frozen=True)
class Support:
    control: Control
    verdict: Verdict
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...]  # why it is not supported; empty if it is
    not_applicable: tuple[str, ...]  # checks that this run has no use for, and why

    @property
    def result(self) -> str:
        return f"{SIGNS[self.verdict]} {_WORDS[self.verdict]}"


@dataclass(frozen=True)
class Place:
    """Where in a run the evidence of a finding is."""

    file: str
    lines: tuple[int, ...] = ()  # of the journal; none for a whole file

    def __str__(self) -> str:
        """`journal.jsonl, lines 3, 7-9`."""
        return f"{self.file}{', lines ' if self.lines else ''}{ranges(self.lines)}"


_FILE = tomllib.loads((resources.folder("reports/controls") / "controls.toml").read_text(encoding="utf-8"))

CONTROLS: tuple[Control, ...] = tuple(Control(**each) for each in _FILE["control"])
_NAMES = tuple(control.name for control in CONTROLS)

CHECKS: Mapping[str, Shows] = {
    name: Shows(**{**each, "controls": tuple(each["controls"]) or _NAMES, "kinds": tuple(each["kinds"])})
    for name, each in _FILE["check"].items()
}

NOT_SHOWN: tuple[str, ...] = tuple(_FILE["not_shown"])  # what auditors may look for, and no check supports
UNMAPPED = Shows("Unknown.", "Everything.", _NAMES, ())  # a check that is not in the file counts for all controls


_APPLIES: Mapping[str, Callable[[RunView], bool]] = {
    "": lambda _: True,
    "taken over": lambda view: bool(view.of("taken-over")),
    "detection": lambda view: expects_findings(view.facts),
    "indexes": lambda view: view.facts.get("indexed") != [],
    "services": lambda view: view.facts.get("services", {}) != {},
}


def objectives(view: RunView) -> tuple[str, ...]:
    """Each objective of a run, and whose it is: the user's, or a default of drillproof."""
    whose = mapping(view.facts, "objectives_of")
    limits = mapping(view.judged, "objectives") or mapping(view.facts, "objectives")
    return tuple(
        f"{word} at most {limit:g} s: {_WHOSE.get(text(whose.get(name)), 'set by the run')}"
        for name, word in _OBJECTIVES.items()
        if (limit := number(limits.get(name))) is not None
    )


def support(view: RunView) -> tuple[Support, ...]:
    return tuple(_support(view, control) for control in CONTROLS)


def places(view: RunView, finding: Finding) -> tuple[Place, ...]:
    """The files and journal lines that a finding was judged from."""
    known = CHECKS.get(finding.check, UNMAPPED)
    where = {"store": finding.store, "member": finding.member}
    lines = tuple(
        event.seq
        for event in view.of(*known.kinds)
        if all(not wanted or event.data.get(name, wanted) == wanted for name, wanted in where.items())
    )
    found = [Place("journal.jsonl", lines)] if lines else []
    if known.ledger:
        stores = [finding.store] if finding.store else view.members
        found += [Place(f"ledger/{store}.jsonl") for store in stores]
        members = [(store, member) for store in stores for member in view.members.get(store, ())]
        found += [Place(f"ledger/{s}@{m}.jsonl") for s, m in members if finding.member in {"", m}]
    return tuple(found) or (Place("findings.json"),)


def hashes(view: RunView) -> Mapping[str, str]:
    """SHA-256 of every file of the run that is evidence. Unreadable names one that cannot be read."""
    files = Directory(view.run)
    wanted = (*attestation.JUDGED, "findings.json")
    there = sorted(name for name in files.names() if name.partition("/")[0] in wanted or name == SIGNED)
    return {name: digest(files, name) for name in there}


def document(view: RunView) -> dict[str, Json]:
    known = hashes(view)
    return {
        "schema": 1,
        "run": view.run.name,
        "scenario": view.scenario,
        "verdict": view.verdict.value,
        "limits": LIMITS,
        "objectives": list(objectives(view)),
        "controls": [
            {
                "framework": each.control.framework,
                "control": each.control.name,
                "asks": each.control.asks,
                "satisfied": each.verdict is Verdict.PASS,
                "verdict": each.verdict.value,
                "reasons": list(each.reasons),
                "not_applicable": list(each.not_applicable),
                "limits": each.control.lacks,
                "findings": [_finding(view, finding, known) for finding in each.findings],
            }
            for each in support(view)
        ],
        "not_shown": list(NOT_SHOWN),
        "files": dict(known),
    }


def render(view: RunView) -> str:
    """The page in Markdown. Text from a cluster is never markup."""
    by_check = groupby(sorted(view.findings, key=attrgetter("check")), key=attrgetter("check"))
    found = [(name, tuple(findings)) for name, findings in by_check]
    checks = [
        {
            "check": name,
            "verdict": worst(finding.verdict for finding in findings),
            "count": len(findings),
            "shows": CHECKS.get(name, UNMAPPED),
            "places": _places(view, findings),
        }
        for name, findings in found
    ]
    values = {"found": support(view), "objectives": objectives(view), "checks": checks, "files": hashes(view)}
    return page("controls.md", view, limits=LIMITS, not_shown=NOT_SHOWN, **values)


def _support(view: RunView, control: Control) -> Support:
    relevant = [each for each in view.findings if control.name in CHECKS.get(each.check, UNMAPPED).controls]
    judged = {finding.check for finding in relevant}
    silent = {check: shows for check, shows in CHECKS.items() if check not in judged and control.name in shows.controls}
    unused = {check: shows for check, shows in silent.items() if not _APPLIES[shows.applies](view)}
    not_shown = [
        f"{check} has no finding, so this is not shown: {shows.shows}"
        for check, shows in silent.items()
        if check not in unused
    ]
    against = [sentence(finding) for finding in relevant if finding.verdict is not Verdict.PASS]
    doubts = [*view.problems, *_missing(view, control), *not_shown]
    verdict = worst([*(finding.verdict for finding in relevant), *(Verdict.UNKNOWN for _ in doubts)])
    not_applicable = tuple(f"{check}: {shows.otherwise}" for check, shows in unused.items())
    return Support(control, verdict, tuple(relevant), (*against, *doubts), not_applicable)


def _missing(view: RunView, control: Control) -> Iterator[str]:
    if expects_findings(view.facts):
        yield "the backup or restore of this drill is bad on purpose; it shows no recovery"
    if control.timed:
        objectives = mapping(view.judged, "objectives")
        for name, word in _OBJECTIVES.items():
            if number(objectives.get(name)) is None:
                yield f"the scenario has no objective for the {word}"


def _finding(view: RunView, finding: Finding, known: Mapping[str, str]) -> dict[str, Json]:
    shows = CHECKS.get(finding.check, UNMAPPED)
    return {
        **{name: getattr(finding, name) for name in ("check", "store", "member", "reason", "detail")},
        "verdict": finding.verdict.value,
        "shows": shows.shows,
        "limits": shows.lacks,
        "evidence": [
            {"file": place.file, "lines": list(place.lines), "sha256": known.get(place.file)}
            for place in places(view, finding)
        ],
    }


def _places(view: RunView, findings: Iterable[Finding]) -> str:
    lines: dict[str, set[int]] = {}
    for finding in findings:
        for place in places(view, finding):
            lines.setdefault(place.file, set()).update(place.lines)
    return ", ".join(f"{file}{' lines ' if some else ''}{ranges(some)}" for file, some in lines.items())


def ranges(lines: Iterable[int]) -> str:
    """Line numbers as ranges: `3, 7-9`."""
    groups = groupby(enumerate(sorted(lines)), lambda pair: pair[1] - pair[0])
    runs = ([number for _, number in group] for _, group in groups)
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
