"""A run as OSCAL assessment results, for tools that keep track of controls.

One observation for each finding, with the files and lines of its evidence; one OSCAL finding for each control,
satisfied only if all its findings are PASS. The document of a run is always the same, byte for byte: its UUIDs follow
from the evidence, and its times are the run's. reports/templates/oscal.json has its form.
"""

import json
import urllib.parse
import uuid
from datetime import UTC, datetime

from harness.core.errors import Unreadable
from harness.core.model import Json
from harness.core.text import one_line
from harness.evidence.run_view import RunView
from harness.reports.controls import (
    LIMITS,
    NIST,
    NOT_SHOWN,
    SIGNED,
    Support,
    hashes,
    objectives,
    places,
    support,
)
from harness.reports.html import template
from harness.reports.junit import label
from harness.reports.summary import says

VERSION = "1.2.3"  # the OSCAL version of the document
NAMESPACE = "urn:drillproof:oscal"  # the namespace of drillproof's own properties


def render(view: RunView) -> str:
    """The document. Unreadable if the run lacks a required file, or its times."""
    files = hashes(view)
    for needed in ("run.json", "journal.jsonl", "findings.json"):
        if needed not in files:
            raise Unreadable(view.run / needed, "is missing; OSCAL results refer to it")
    run = uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}:{files.get(SIGNED, files['journal.jsonl'])}")

    def id_of(*words: str | int) -> str:
        return str(uuid.uuid5(run, "\0".join(map(str, (files["findings.json"], *words)))))

    def related(each: Support) -> list[Json]:
        numbers = [number for number, finding in enumerate(view.findings) if finding in each.findings]
        return [{"observation-uuid": id_of("observation", number)} for number in numbers] or [
            {"observation-uuid": id_of("observation")}
        ]

    begun, ended = _times(view)
    found = support(view)
    reviewed: dict[str, list[Json]] = {each.control.framework: [] for each in found}
    for each in found:
        reviewed[each.control.framework].append({"control-id": each.control.statement.partition("_smt")[0]})
    functions = {"id": id_of, "related": related, "property": _property, "places": places, "label": label}
    functions |= {"line": _line, "address": urllib.parse.quote, "not_applicable": _not_applicable}
    constants = {"version": VERSION, "limits": LIMITS, "nist": NIST, "not_shown": list(NOT_SHOWN)}
    values = {
        "found": found,
        "objectives": objectives(view),
        "reviewed": reviewed,
        "begun": begun,
        "ended": ended,
        "says": says(view),
    }
    page = template("oscal.json").render(functions, view=view, files=files, **constants, **values)
    return json.dumps(json.loads(page), ensure_ascii=False, indent=2) + "\n"


def _times(view: RunView) -> tuple[str, str]:
    try:
        first, last = (datetime.fromisoformat(view.events[which].at).astimezone(UTC) for which in (0, -1))
    except (IndexError, ValueError) as error:
        raise Unreadable(view.run / "journal.jsonl", "does not record when the drill ran", line=1) from error
    return first.isoformat(), last.isoformat()


def _not_applicable(each: Support) -> list[str]:
    return [f"Not applicable: {check}" for check in each.not_applicable]


def _line(words: str) -> str:
    return one_line(words) or "-"


def _property(name: str, value: str) -> Json:
    return {"name": name, "ns": NAMESPACE, "value": _line(value)}
