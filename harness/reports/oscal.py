"""A run as OSCAL assessment results, for tools that keep track of controls.

One observation for each finding, with the files and lines of its evidence; one OSCAL finding for each control,
satisfied only if all its findings are PASS. The document of a run is always the same, byte for byte: its UUIDs follow
from the evidence, and its times are the run's.
"""

import json
import urllib.parse
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from harness.core.errors import Unreadable
from harness.core.model import Finding, Json, Verdict
from harness.core.text import one_line
from harness.evidence.run_view import RunView
from harness.reports.controls import LIMITS, NIST, NOT_SHOWN, SIGNED, Support, hashes, places, support
from harness.reports.junit import label
from harness.reports.summary import says

VERSION = "1.2.3"  # the OSCAL version of the document
NAMESPACE = "urn:drillproof:oscal"  # the namespace of drillproof's own properties
_REASONS = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.UNKNOWN: "other"}

Name = Callable[..., str]


def render(view: RunView) -> str:
    """The document. Unreadable if the run lacks a required file, or its times."""
    return json.dumps({"assessment-results": _results(view)}, ensure_ascii=False, indent=2) + "\n"


def _results(view: RunView) -> dict[str, Json]:
    known = hashes(view)
    for needed in ("run.json", "journal.jsonl", "findings.json"):
        if needed not in known:
            raise Unreadable(view.run / needed, "is missing; OSCAL results refer to it")
    begun, ended = _times(view)
    signed = known.get(SIGNED, known["journal.jsonl"])
    run = uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}:{signed}")

    def name(*words: str) -> str:
        return str(uuid.uuid5(run, "\0".join((known["findings.json"], *words))))

    found = support(view)
    observations = [_observation(view, finding, number, name, ended) for number, finding in enumerate(view.findings)]
    nothing: dict[str, Json] = {"uuid": name("observation"), "description": "Nothing was judged.", "methods": ["TEST"]}
    return {
        "uuid": name("document"),
        "metadata": {
            "title": _text(f"drillproof: {view.scenario}, run {view.run.name}"),
            "last-modified": ended,
            "version": known["findings.json"],
            "oscal-version": VERSION,
            "remarks": f"{LIMITS} Statement ids outside {NIST} are drillproof's own.",
        },
        "import-ap": {
            "href": f"#{name('file', 'run.json')}",
            "remarks": "There is no OSCAL assessment plan; run.json has the settings of the drill.",
        },
        "results": [
            {
                "uuid": name("result"),
                "title": _text(f"{view.verdict.name}: {view.scenario}"),
                "description": says(view),
                "start": begun,
                "end": ended,
                "props": [_property("verdict", view.verdict.value)],
                "reviewed-controls": {"control-selections": _reviewed(found)},
                "observations": observations or [{**nothing, "collected": ended}],
                "findings": [_finding(view, each, name) for each in found],
                "remarks": " ".join(("Not supported by this drill:", *NOT_SHOWN)),
            }
        ],
        "back-matter": {"resources": [_resource(name, file, sha256) for file, sha256 in known.items()]},
    }


def _resource(name: Name, file: str, sha256: str) -> dict[str, Json]:
    link: dict[str, Json] = {"href": urllib.parse.quote(file), "hashes": [{"algorithm": "SHA-256", "value": sha256}]}
    return {"uuid": name("file", file), "title": _text(file), "rlinks": [link]}


def _times(view: RunView) -> tuple[str, str]:
    try:
        first, last = (datetime.fromisoformat(view.events[which].at).astimezone(UTC) for which in (0, -1))
    except (IndexError, ValueError) as error:
        raise Unreadable(view.run / "journal.jsonl", "does not record when the drill ran", line=1) from error
    return first.isoformat(), last.isoformat()


def _reviewed(found: Iterable[Support]) -> list[Json]:
    by_framework: dict[str, list[Json]] = {}
    for each in found:
        control = each.control.statement.partition("_smt")[0]
        by_framework.setdefault(each.control.framework, []).append({"control-id": control})
    return [{"description": name, "include-controls": controls} for name, controls in by_framework.items()]


def _observation(view: RunView, finding: Finding, number: int, name: Name, ended: str) -> dict[str, Json]:
    return {
        "uuid": name("observation", str(number)),
        "title": _text(label(finding)),
        "description": _text(finding.detail),
        "props": [
            _property("check", finding.check),
            _property("verdict", finding.verdict.value),
            _property("reason", finding.reason.value),
        ],
        "methods": ["TEST"],
        "types": ["control-objective"],
        "relevant-evidence": [
            {"href": f"#{name('file', place.file)}", "description": _text(str(place))}
            for place in places(view, finding)
        ],
        "collected": ended,
        **({"remarks": _text(finding.hint)} if finding.hint else {}),
    }


def _finding(view: RunView, each: Support, name: Name) -> dict[str, Json]:
    control = each.control
    return {
        "uuid": name("finding", control.statement),
        "title": f"{control.framework} {control.name}",
        "description": control.asks,
        "target": {
            "type": "statement-id",
            "target-id": control.statement,
            "status": {
                "state": "satisfied" if each.verdict is Verdict.PASS else "not-satisfied",
                "reason": _REASONS[each.verdict],
                **({"remarks": _text("; ".join(each.reasons))} if each.reasons else {}),
            },
        },
        "related-observations": [
            {"observation-uuid": name("observation", str(number))}
            for number, finding in enumerate(view.findings)
            if finding in each.findings
        ]
        or [{"observation-uuid": name("observation")}],
        "remarks": f"Not shown by any drill: {control.lacks}",
    }


def _property(name: str, value: str) -> Mapping[str, Json]:
    return {"name": name, "ns": NAMESPACE, "value": _text(value)}


def _text(words: str) -> str:
    return one_line(words) or "-"
