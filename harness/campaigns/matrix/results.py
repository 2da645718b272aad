"""The table strategy x disaster x store, made from what run directories hold and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from harness.campaigns.matrix.statistics import Survival, survival
from harness.checks.trust import believed
from harness.core.errors import HarnessError
from harness.core.json import number, text
from harness.core.model import Verdict, worst
from harness.evidence.before_reasons import expects_findings
from harness.evidence.marks import legs
from harness.evidence.run_directory import Run, inside
from harness.reports import RunView
from harness.workflows.drill.scenario import STORES

FIGURES = {"rto_s": "RTO", "rpo_s": "RPO", "backup_s": "Backup", "tool_s": "Restore", "stored_bytes": "Stored"}
"""What is measured of a recovery, and its heading: the tool's restore alone is a leg of the RTO."""


_LEFT = ("run.json", "journal.jsonl", "findings.json")
"""By one of these a folder is known to be a run, however little of it is left."""


@dataclass(frozen=True)
class Drilled:
    """One drill as the table counts it."""

    run: Path
    scenario: str
    strategy: str
    engine: str
    noticing: bool  # whether a bad recovery had to be noticed
    verdict: Verdict
    by_store: tuple[tuple[str, Verdict], ...]
    figures: Mapping[str, float | None]  # by name, see FIGURES
    took_s: float
    ended: datetime | None  # by the wall clock, as the journal has it
    doubt: str  # why its findings are not believed, if so


@dataclass(frozen=True)
class Row:
    """All drills of one scenario with one strategy and one engine."""

    scenario: str
    strategy: str
    engine: str
    noticing: bool
    verdict: Verdict
    by_store: tuple[tuple[str, Verdict], ...]
    survival: Survival
    figures: Mapping[str, float | None]  # medians of the drills that measured one
    took_s: float
    runs: tuple[Path, ...]
    doubts: tuple[str, ...]  # each begins with the name of a run


def drilled(run: Path) -> Drilled:
    """What one run directory says. UNKNOWN if its findings are not what this judge says of its evidence."""
    story = believed(run)
    doubt = next(iter(story.problems), "")
    noticing = expects_findings(story.facts)
    return Drilled(
        run,
        story.scenario,
        text(story.facts, "strategy"),
        text(story.facts, "engine"),
        noticing,
        story.verdict,
        tuple((store, _of_store(story, store, doubt)) for store in STORES if store in story.members),
        {} if noticing or doubt else _figures(story),  # those of a bad recovery would praise it
        story.events[-1].at_s if story.events else 0.0,
        time_of(story.events[-1].at) if story.events else None,
        doubt,
    )


def time_of(label: str) -> datetime | None:
    """A moment on the wall clock, from its label; None if it is none."""
    try:
        return datetime.fromisoformat(label).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _figures(story: RunView) -> dict[str, float | None]:
    taken = legs(story.marks)
    stored = story.of("stored")
    return {
        "rto_s": number(story.judged, "rto_s"),
        "rpo_s": number(story.judged, "rpo_s"),
        "backup_s": taken["backup_s"],
        "tool_s": taken["tool_s"],
        "stored_bytes": number(stored[-1].data.get("bytes")) if stored else None,
    }


def _of_store(story: RunView, store: str, doubt: str) -> Verdict:
    """The worst of what concerns this store; where the whole cannot be believed, nor can a part of it."""
    told = (finding.verdict for finding in story.findings if finding.store in {"", store})
    return worst((*told, *([Verdict.UNKNOWN] if doubt else [])))


def rows(drills: Iterable[Drilled]) -> tuple[Row, ...]:
    """One row for each scenario, strategy and engine; recoveries first, then what must be noticed."""
    alike: dict[tuple[bool, str, str, str], list[Drilled]] = {}
    for each in drills:
        alike.setdefault((each.noticing, each.scenario, each.strategy, each.engine), []).append(each)
    return tuple(_row(alike[key]) for key in sorted(alike))


def _row(same: Sequence[Drilled]) -> Row:
    first = same[0]
    names = [name for name in STORES if any(name == store for each in same for store, _ in each.by_store)]
    return Row(
        first.scenario,
        first.strategy,
        first.engine,
        first.noticing,
        worst(each.verdict for each in same),
        tuple((name, worst(_verdicts(same, name))) for name in names),
        survival(each.verdict for each in same),
        {name: _median(each.figures.get(name) for each in same) for name in FIGURES},
        sum(each.took_s for each in same),
        tuple(each.run for each in same),
        tuple(f"{each.run.name}: {each.doubt}" for each in same if each.doubt),
    )


def _verdicts(same: Sequence[Drilled], name: str) -> Iterator[Verdict]:
    return (verdict for each in same for store, verdict in each.by_store if store == name)


def _median(figures: Iterable[float | None]) -> float | None:
    measured = [figure for figure in figures if figure is not None]
    return median(measured) if measured else None


def all_drills(runs: Path) -> tuple[Path, ...]:
    """The drills of a folder, oldest first; no proofs or moves. Misconfigured if there is no such folder.

    One that was never judged was killed, or is under way; it is no less of a drill, and UNKNOWN.
    """
    return tuple(run for run in inside(runs) if any((run / left).exists() for left in _LEFT) and _is_drill(run))


def _is_drill(run: Path) -> bool:
    """Whether a run is a drill; one whose word for it cannot be believed stays in sight."""
    try:
        return not Run(run).kind
    except HarnessError:
        return True
