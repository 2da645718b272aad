"""What a check says of a few events, in few words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.checks.check import Check
from harness.core.model import Event as Happened
from harness.core.model import Json
from harness.evidence import journal, run_directory
from harness.evidence.ledger import fingerprint
from harness.evidence.run_directory import Run

Event = tuple[str, Mapping[str, Json]]
PASSED, FAILED, UNKNOWN = "pass", "fail", "unknown"
FINE = (PASSED, "AsExpected")


def run(folder: Path, events: tuple[Event, ...], **facts: Json) -> Run:
    """A run of these events, in their order."""
    path = run_directory.create(folder, "by-hand", {"stores": {"db": ["db-0", "db-1"]}, "plan": {}, **facts})
    begun: tuple[Event, ...] = (
        ("run", {"schema": journal.SCHEMA}),
        ("file", {"name": "run.json", "sha256": fingerprint(path / "run.json")}),
    )
    journal.write(path / "journal.jsonl", (Happened(0, 0.0, "", *event) for event in (*begun, *events)))
    return Run(path)


def judged(check: Check, folder: Path, *events: Event, **facts: Json) -> list[tuple[str, ...]]:
    """(verdict, reason, store, member, objects and causes) of each finding."""
    return [
        (
            each.verdict.value,
            each.reason.value,
            *filter(None, (each.store, each.member)),
            *each.objects,
            *(cause.value for cause in each.causes),
        )
        for each in check(run(folder, events, **facts))
    ]
