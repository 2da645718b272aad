"""A run that passed, and spoilt copies of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.checks.judge import judge
from harness.core.errors import HarnessError
from harness.core.model import Event, Finding, Verdict
from harness.evidence import journal
from harness.evidence.run_directory import Run
from harness.selftest.mutation import Expected


@dataclass(frozen=True)
class Outcome:
    """What became of one sabotage. `missed` says what was there instead of the right finding; "" if it was noticed."""

    way: str  # live, story, forgery
    store: str  # "" where it is no one store that was spoilt
    name: str
    missed: str


class Base:
    """A run that passed, of which spoilt copies are made: each a run directory that can be judged again."""

    def __init__(self, run: Path, into: Path) -> None:
        """HarnessError if the run did not pass: nothing could be seen to turn red."""
        self.run = Run(run)
        self._into = into
        if left := red(self.run):
            why = f"{left[0].reason}: {left[0].detail}"
            raise HarnessError(f"the recovery that was to be spoilt is not good by itself: {why} (see {run})")
        self.events = tuple(event for event in self.run.events if event.kind != "end")

    def copy(self, name: str, without: Sequence[str] = ()) -> Path:
        """A copy of all but the journal, and but those files of the ledger."""
        path = self._into / re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        (path / "ledger").mkdir(parents=True)
        shutil.copyfile(self.run.path / "run.json", path / "run.json")
        for file in (self.run.path / "ledger").iterdir():
            if file.name not in without:
                shutil.copyfile(file, path / "ledger" / file.name)
        return path

    @staticmethod
    def tell(path: Path, events: Iterable[Event]) -> None:
        """Write the journal that a drill of these events would have left."""
        told = tuple(events)
        journal.write(path / "journal.jsonl", (*told, replace(told[-1], kind="end", data={})))


def red(run: Run) -> tuple[Finding, ...]:
    """What of a run is not PASS."""
    return tuple(finding for finding in judge(run) if finding.verdict is not Verdict.PASS)


def outcome(way: str, store: str, expected: Expected, path: Path) -> Outcome:
    """Judge a spoilt copy. It is kept if the sabotage was not noticed as it should be."""
    missed = expected.missed(red(Run(path)))
    if not missed:
        shutil.rmtree(path)
    return Outcome(way, store, expected.name, missed)
