"""Allure results, written with allure-python-commons, for every drill, however it was started."""

import hashlib
import re
import shutil
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Attachment, Label, Parameter, Status, StatusDetails, TestResult, TestStepResult
from allure_commons.types import AttachmentType, LabelType

from harness.core import resources
from harness.core.json import flat, items, text
from harness.core.model import Event, Verdict
from harness.core.text import one_line, visible
from harness.evidence.run_view import RunView
from harness.reports.junit import bad, label, sentence
from harness.reports.pictures import steps

_STATUS = {Verdict.PASS: Status.PASSED, Verdict.FAIL: Status.FAILED, Verdict.UNKNOWN: Status.BROKEN}
ATTACHED = {
    "report.html": AttachmentType.HTML,
    "findings.json": AttachmentType.JSON,
    "run.json": AttachmentType.JSON,
    "journal.jsonl": AttachmentType.TEXT,
    "error.txt": AttachmentType.TEXT,
}

ENVIRONMENT = ("versions", "host", "commit")  # the keys of run.json that describe the environment
_NOT_IN_KEYS = re.compile(r"[^\w.-]")

EXCLUDED = ("seed",)  # the settings in which drills with one history may differ


def write(view: RunView, folder: Path) -> None:
    logger = AllureFileLogger(str(folder), clean=True)  # type: ignore[no-untyped-call] # allure has no types
    drill = TestResult(
        uuid=str(uuid.uuid4()),
        name=visible(view.scenario),
        fullName=visible(f"drillproof.{view.scenario}"),
        historyId=_history(view),
        testCaseId=_history(view),
        description=f"{visible(text(view.facts, 'summary'))}\n\nVerdict: **{view.verdict.name}**".strip(),
        status=_STATUS[view.verdict],
        statusDetails=StatusDetails(message="\n".join(map(sentence, bad(view)))),
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
    # Allure 3 uses the first category that matches the whole message, Allure 2 all. A finding starts a line.
    shutil.copyfile(resources.folder("reports/templates") / "categories.json", folder / "categories.json")
    facts = {name: view.facts[name] for name in ENVIRONMENT if name in view.facts}
    lines = [f"{_NOT_IN_KEYS.sub('_', name)}={one_line(value)}" for name, value in flat(facts)]
    (folder / "environment.properties").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _settings(view: RunView) -> Iterator[tuple[str, str]]:
    yield "stores", ", ".join(view.members)
    for name in ("strategy", "engine", "size", "seed"):
        if name in view.facts:
            yield name, text(view.facts[name])


def _history(view: RunView) -> str:
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
    for each in steps(view):
        stop = _epoch_ms(each.end or view.events[-1])
        status = Status.PASSED if each.how == "done" else Status.BROKEN
        step = TestStepResult(name=visible(each.name), start=_epoch_ms(each.start), stop=stop, status=status)
        step.statusDetails = StatusDetails(message=visible(each.detail)) if each.how == "failed" else None
        yield step


def _findings(view: RunView) -> Iterator[TestStepResult]:
    at = _epoch_ms(view.events[-1]) if view.events else None
    for finding in view.findings:
        said = "\n".join(filter(None, (finding.hint, f"reason: {finding.reason}")))
        details = StatusDetails(message=visible(finding.detail), trace=visible(said))
        status = _STATUS[finding.verdict]
        yield TestStepResult(name=label(finding), status=status, statusDetails=details, start=at, stop=at)


def _epoch_ms(event: Event) -> int | None:
    try:
        return round(datetime.fromisoformat(event.at).timestamp() * 1000)
    except ValueError:
        return None
