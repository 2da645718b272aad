"""The runs of a folder, one line each. What they say of themselves: nothing is judged again, unlike `compare`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.core.json import number, text
from harness.core.model import Verdict
from harness.evidence import run_view as stories
from harness.evidence.run_directory import began, inside


@dataclass(frozen=True)
class Entry:
    """One run directory."""

    run: Path
    began: datetime | None  # None where its name does not say
    scenario: str
    strategy: str
    engine: str
    verdict: Verdict  # as it was judged; UNKNOWN where it was not
    problem: str  # what is missing or cannot be read; "" for nothing
    rto_s: float | None
    rpo_s: float | None
    size_bytes: int


def entries(runs: Path) -> Iterator[Entry]:
    """Every run directory in a folder, oldest first. Misconfigured if there is no such folder."""
    return map(_entry, inside(runs, "run.json"))


def _entry(run: Path) -> Entry:
    told = stories.outline(run)
    return Entry(
        run,
        began(run),
        told.scenario,
        text(told.facts, "strategy"),
        text(told.facts, "engine"),
        told.verdict,
        "; ".join(told.problems),
        number(told.judged, "rto_s"),
        number(told.judged, "rpo_s"),
        sum(_sizes(run)),
    )


def _sizes(run: Path) -> Iterator[int]:
    """Of every file below it, no link followed; one that goes away while we look counts nothing."""
    for folder, _, names in os.walk(run):
        for name in names:
            try:
                yield os.lstat(Path(folder, name)).st_size
            except FileNotFoundError:
                continue
