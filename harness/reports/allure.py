"""Allure results, written with allure-python-commons, for every drill, however it was started."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Attachment, Label, Parameter, Status, StatusDetails, TestResult, TestStepResult
from allure_commons.types import AttachmentType, LabelType

from harness.core.json import flat, items, text
from harness.core.model import Event, Verdict
from harness.core.text import one_line, visible
from harness.evidence.run_view import RunView
from harness.reports.junit import bad, label, sentence

_STATUS = {Verdict.PASS: Status.PASSED, Verdict.FAIL: Status.FAILED, Verdict.UNKNOWN: Status.BROKEN}
_LOST = ("data-equal", "indexes-hold", "objects-equal", "ledger-kept", "transfers-whole")
"""The checks whose FAIL means data loss."""


def _failing(*checks: str) -> str:
    # Allure matches whole messages, in Java or JavaScript; a finding starts a line, a detail never does.
    return rf"([\s\S]*\n)?FAIL ({'|'.join(checks)})\b[\s\S]*"


CATEGORIES = (
    {"name": "Data loss", "matchedStatuses": [Status.FAILED], "messageRegex": _failing(*_LOST)},
    {"name": "Objective missed", "matchedStatuses": [Status.FAILED], "messageRegex": _failing("objectives-met")},
    {"name": "Not detected", "matchedStatuses": [Status.FAILED], "messageRegex": _failing("noticed")},
    {"name": "Recovery failed (FAIL)", "matchedStatuses": [Status.FAILED]},
    {
        "name": "Not judged (UNKNOWN)",
        "matchedStatuses": [Status.BROKEN, Status.UNKNOWN, Status.SKIPPED],
    },
)
"""The categories of results. Allure 3 uses the first match, Allure 2 all."""

ATTACHED = {
    "report.html": AttachmentType.HTML,
    "findings.json": AttachmentType.JSON,
    "run.json": AttachmentType.JSON,
    "journal.jsonl": AttachmentType.TEXT,
    "error.txt": AttachmentType.TEXT,
}
"""The attached files of a run."""

ENVIRONMENT = ("versions", "host", "commit")
"""The keys of run.json that describe the environment."""

EXCLUDED = ("seed",)
"""The settings in which drills with one history may differ."""


def write(view: RunView, folder: Path) -> None:
    """Write `view` into `folder`, and replace earlier results."""
    logger = AllureFileLogger(str(folder), clean=True)  # type: ignore[no-untyped-call] # allure has no types
    drill = TestResult(
        uuid=str(uuid.uuid4()),
        name=visible(view.scenario),
        fullName=visible(f"drillproof.{view.scenario}"),
        historyId=_history(view),
        testCaseId=_history(view),
        description=_description(view),
        status=_STATUS[view.verdict],
        statusDetails=StatusDetails(message=_message(view)),
        stage="finished",
        labels=_labels(view),
        parameters=[
            Parameter(name=name, value=visible(value), excluded=True if name in EXCLUDED else None)
            for name, value in _settings(view)
        ],
        steps=[*_steps(view), *_findings(view)],
    )
    if view.events:
        drill.start, drill.stop = _epoch_ms(view.events[0]), _epoch_ms(view.events[-1])
    for name, kind in ATTACHED.items():
        if (view.run / name).is_file():
            stored = f"{uuid.uuid4()}-attachment.{kind.extension}"
            logger.report_attached_file(str(view.run / name), stored)  # type: ignore[no-untyped-call] # as above
            drill.attachments.append(Attachment(name=name, source=stored, type=kind.mime_type))
    logger.report_result(drill)  # type: ignore[no-untyped-call] # as above
    (folder / "categories.json").write_text(json.dumps(CATEGORIES, indent=2), encoding="utf-8")
    facts = {name: view.facts[name] for name in ENVIRONMENT if name in view.facts}
    lines = [f"{_key(name)}={one_line(value)}" for name, value in flat(facts)]
    (folder / "environment.properties").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _settings(view: RunView) -> Iterator[tuple[str, str]]:
    yield "stores", ", ".join(view.members)
    for name in ("strategy", "engine", "size", "seed"):
        if name in view.facts:
            yield name, text(view.facts[name])


def _history(view: RunView) -> str:
    """Equal for drills that share one history."""
    settings = [setting for setting in _settings(view) if setting[0] not in EXCLUDED]
    return hashlib.sha256(repr((view.scenario, settings)).encode()).hexdigest()[:32]


def _labels(view: RunView) -> list[Label]:
    words = {
        LabelType.PARENT_SUITE: "drillproof",
        LabelType.SUITE: view.scenario,
        LabelType.FEATURE: dict(_settings(view)).get("strategy", ""),
        LabelType.STORY: ", ".join(text(each, "name") for each in items(view.facts, "faults")),
        LabelType.HOST: dict(flat(view.facts)).get("host", ""),
        LabelType.FRAMEWORK: "drillproof",
        LabelType.LANGUAGE: "python",
    }
    labels = [Label(name=name, value=visible(value)) for name, value in words.items() if value]
    tags = (f"verdict:{view.verdict.name}", *view.members)
    return [*labels, *(Label(name=LabelType.TAG, value=visible(tag)) for tag in tags)]


def _steps(view: RunView) -> Iterator[TestStepResult]:
    begun: dict[str, TestStepResult] = {}
    for event in view.of("step"):
        name, phase = text(event.data, "step"), event.data.get("phase")
        if phase == "start":
            begun[name] = TestStepResult(name=visible(name), start=_epoch_ms(event), status=Status.BROKEN)
        elif name in begun:
            begun[name].stop = _epoch_ms(event)
            if phase == "end":
                begun[name].status = Status.PASSED
            else:
                begun[name].statusDetails = StatusDetails(message=visible(text(event.data, "detail")))
    for step in begun.values():
        step.stop = step.stop or _epoch_ms(view.events[-1])
        yield step


def _findings(view: RunView) -> Iterator[TestStepResult]:
    at = _epoch_ms(view.events[-1]) if view.events else None
    for finding in view.findings:
        said = "\n".join(filter(None, (finding.hint, f"reason: {finding.reason}")))
        details = StatusDetails(message=visible(finding.detail), trace=visible(said))
        status = _STATUS[finding.verdict]
        yield TestStepResult(name=label(finding), status=status, statusDetails=details, start=at, stop=at)


def _description(view: RunView) -> str:
    summary = visible(text(view.facts, "summary"))
    return f"{summary}\n\nVerdict: **{view.verdict.name}**".strip()


def _message(view: RunView) -> str:
    return "\n".join(map(sentence, bad(view)))


def _epoch_ms(event: Event) -> int | None:
    try:
        return round(datetime.fromisoformat(event.at).timestamp() * 1000)
    except ValueError:
        return None


def _key(name: str) -> str:
    return "".join(character if character.isalnum() or character in "._-" else "_" for character in name)
