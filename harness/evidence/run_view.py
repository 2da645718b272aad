"""A run as reports show it, over the one reader of run directories.

A run that broke off is shown as far as it came. The verdict is strict: evidence that is missing, damaged or contradicts
itself takes PASS away.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.core.errors import Unreadable
from harness.core.json import items, mapping, number, text
from harness.core.model import Event, Finding, Json, Verdict, worst
from harness.core.reason import Reason, from_name
from harness.evidence import journal
from harness.evidence import marks as objectives
from harness.evidence.run_directory import Run, began, inside, read_json

WORST_FIRST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)


@dataclass(frozen=True)
class RunView:
    run: Path
    facts: Mapping[str, Json]  # run.json
    judged: Mapping[str, Json]  # findings.json
    events: tuple[Event, ...]
    findings: tuple[Finding, ...]  # worst first
    problems: tuple[str, ...]  # what of the evidence is missing or cannot be believed

    @property
    def verdict(self) -> Verdict:
        """The worst of all findings; UNKNOWN at best where the evidence is not whole."""
        doubt = [Verdict.UNKNOWN] if self.problems else []
        return worst([finding.verdict for finding in self.findings] + doubt)

    @property
    def doubts(self) -> tuple[Finding, ...]:
        """The problems as findings, for what shows nothing else."""
        unreadable = Reason.EvidenceUnreadable
        return tuple(Finding("evidence", Verdict.UNKNOWN, unreadable, problem) for problem in self.problems)

    @property
    def recovery(self) -> tuple[Finding, ...]:
        """What the checks said of a recovery that had to be noticed as bad, worst first; it makes no verdict."""
        return _findings({"findings": self.judged.get("recovery")}, [])

    @property
    def scenario(self) -> str:
        """The scenario's name, or a word that says it is not known."""
        return text(self.judged, "scenario") or text(self.facts, "scenario") or "unknown"

    @property
    def marks(self) -> Mapping[str, float]:
        return objectives.marks(self.events)

    @property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """The members of each store, by run.json, so that one that was never read cannot go missing."""
        stores = mapping(self.facts, "stores")
        return {store: tuple(map(text, items(members))) for store, members in stores.items()}

    @property
    def fenced(self) -> bool:
        """Whether a fence was to be around the cluster; none is around one of others."""
        return self.facts.get("fenced") is not False

    def of(self, *kinds: str, **data: Json) -> tuple[Event, ...]:
        """The events of these kinds whose data hold all of `data`, in order."""
        wanted = data.items()
        return tuple(e for e in self.events if e.kind in kinds and all(e.data.get(key) == each for key, each in wanted))


def read(run: Path) -> RunView:
    """Read a run directory as far as it can be read. Never raises for what is in it."""
    problems: list[str] = []
    return _view(run, _events(Run(run), problems), problems)


@dataclass(frozen=True)
class Entry:
    """One run directory in a list of many: what it says of itself; nothing is judged again, unlike `compare`."""

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
    for run in inside(runs, "run.json"):
        # The journal, which may be long, is only seen to be there.
        view = _view(run, (), [] if (run / "journal.jsonl").is_file() else ["journal.jsonl: is missing"])
        yield Entry(
            run,
            began(run),
            view.scenario,
            text(view.facts, "strategy"),
            text(view.facts, "engine"),
            view.verdict,
            "; ".join(view.problems),
            number(view.judged, "rto_s"),
            number(view.judged, "rpo_s"),
            sum(_sizes(run)),
        )


def _sizes(run: Path) -> Iterator[int]:
    """Of every file below it, no link followed; a file that is deleted meanwhile does not count."""
    for folder, _, names in os.walk(run):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                yield os.lstat(Path(folder, name)).st_size


def _view(run: Path, events: tuple[Event, ...], problems: list[str]) -> RunView:
    facts = _document(run / "run.json", problems)
    judged = _document(run / "findings.json", problems)
    findings = _findings(judged, problems) if judged else ()
    if judged and judged.get("verdict") != worst(finding.verdict for finding in findings).value:
        problems.append("findings.json: its verdict is not the worst of its findings")
    return RunView(run, facts, judged, events, findings, tuple(problems))


def _document(path: Path, problems: list[str]) -> Mapping[str, Json]:
    try:
        value = read_json(path)
    except Unreadable as error:
        missing = error.reason is Reason.EvidenceMissing
        problems.append(f"{path.name}: {'is missing' if missing else f'cannot be read: {error}'}")
        return {}
    if not value:
        problems.append(f"{path.name}: is an empty JSON object")
    return value


def _events(run: Run, problems: list[str]) -> tuple[Event, ...]:
    path = run.path / "journal.jsonl"
    if not path.exists():
        problems.append(f"{path.name}: is missing")
        return ()
    try:
        return run.events
    except Unreadable as error:
        problems.append(str(error).replace(str(path), path.name, 1))
    return journal.before_damage(path)


def _findings(judged: Mapping[str, Json], problems: list[str]) -> tuple[Finding, ...]:
    found: list[Finding] = []
    for each in map(mapping, items(judged, "findings")):
        try:
            verdict = Verdict(each.get("verdict"))
        except ValueError:
            problems.append(f"findings.json: {text(each.get('verdict')) or 'nothing'!r} is no verdict")
            verdict = Verdict.UNKNOWN
        detail, hint, store, member = (text(each.get(name)) for name in ("detail", "hint", "store", "member"))
        reason = from_name(each.get("reason")) or Reason.Unspecified
        objects = tuple(map(text, items(each, "objects")))
        causes = tuple(filter(None, map(from_name, items(each, "causes"))))
        check = text(each, "check") or "unnamed"
        found.append(Finding(check, verdict, reason, detail, hint, store, member, objects, causes))
    return tuple(sorted(found, key=lambda finding: WORST_FIRST.index(finding.verdict)))
