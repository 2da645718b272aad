"""A run that passed, and mutated copies of it."""

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
    """The result of one mutation. `missed` says what was found in place of the expected finding; "" if detected."""

    way: str  # live, journal, tampering
    store: str  # "" where the mutation is not of one store
    name: str
    missed: str


class Baseline:
    """A run that passed. Mutated copies of it are run directories that can be judged."""

    def __init__(self, run: Path, into: Path) -> None:
        """Copies are made in `into`. HarnessError if the run did not pass: a mutation could not change its verdict."""
        self.run = Run(run)
        self._into = into
        if found := not_passed(self.run):
            why = f"{found[0].check}: {found[0].reason}: {found[0].detail}"
            raise HarnessError(f"the self-test needs a recovery that passes, and {run} does not: {why}")
        self.events = tuple(event for event in self.run.events if event.kind != "end")

    def copy(self, name: str, without: Sequence[str] = ()) -> Path:
        """A new run directory with run.json and the ledger, except the files `without`; it has no journal yet."""
        path = self._into / re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        (path / "ledger").mkdir(parents=True)
        shutil.copyfile(self.run.path / "run.json", path / "run.json")
        for file in (self.run.path / "ledger").iterdir():
            if file.name not in without:
                shutil.copyfile(file, path / "ledger" / file.name)
        return path

    @staticmethod
    def write_journal(path: Path, events: Iterable[Event]) -> None:
        """Write the journal of a drill with these events, and its end."""
        written = tuple(events)
        journal.write(path / "journal.jsonl", (*written, replace(written[-1], kind="end", data={})))


def not_passed(run: Run) -> tuple[Finding, ...]:
    return tuple(finding for finding in judge(run) if finding.verdict is not Verdict.PASS)


def outcome(way: str, store: str, expected: Expected, path: Path) -> Outcome:
    """Judge a mutated copy. It is kept if the mutation was missed."""
    missed = expected.missed(not_passed(Run(path)))
    if not missed:
        shutil.rmtree(path)
    return Outcome(way, store, expected.name, missed)
