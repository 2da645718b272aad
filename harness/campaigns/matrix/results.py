"""The table of strategies, scenarios and stores, from run directories alone."""

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
"""The figures of a recovery, with their headings; the restore by the tool is one leg of the RTO."""


_RUN_FILES = ("run.json", "journal.jsonl", "findings.json")
"""A folder with any of these is a run, even if it is incomplete."""


@dataclass(frozen=True)
class Drilled:
    """One drill as the table counts it."""

    run: Path
    scenario: str
    strategy: str
    engine: str
    detection: bool  # whether a bad recovery had to be detected
    verdict: Verdict
    by_store: tuple[tuple[str, Verdict], ...]
    figures: Mapping[str, float | None]  # by name, see FIGURES
    took_s: float
    ended: datetime | None  # wall clock, from the journal
    doubt: str  # why its findings are not trusted, if so


@dataclass(frozen=True)
class Row:
    """All drills of one scenario with one strategy and one engine."""

    scenario: str
    strategy: str
    engine: str
    detection: bool
    verdict: Verdict
    by_store: tuple[tuple[str, Verdict], ...]
    survival: Survival
    figures: Mapping[str, float | None]  # medians of the drills that measured them
    took_s: float
    runs: tuple[Path, ...]
    doubts: tuple[str, ...]  # each begins with the name of a run


def drilled(run: Path, origin_doubt: str = "") -> Drilled:
    """One run directory. UNKNOWN at best if its findings differ from a re-evaluation, or its origin is doubted."""
    story = believed(run)
    doubt = next(iter(story.problems), origin_doubt)
    detection = expects_findings(story.facts)
    return Drilled(
        run,
        story.scenario,
        text(story.facts, "strategy"),
        text(story.facts, "engine"),
        detection,
        worst((story.verdict, *([Verdict.UNKNOWN] if doubt else []))),
        tuple((store, _of_store(story, store, doubt)) for store in STORES if store in story.members),
        {} if detection or doubt else _figures(story),  # a bad recovery on purpose has no figures
        story.events[-1].at_s if story.events else 0.0,
        time_of(story.events[-1].at) if story.events else None,
        doubt,
    )


def time_of(label: str) -> datetime | None:
    """A time from its ISO label; None if it is invalid."""
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
    """The worst verdict of this store; UNKNOWN if the run is not trusted."""
    told = (finding.verdict for finding in story.findings if finding.store in {"", store})
    return worst((*told, *([Verdict.UNKNOWN] if doubt else [])))


def rows(drills: Iterable[Drilled]) -> tuple[Row, ...]:
    """One row for each scenario, strategy and engine; recoveries first, then detections."""
    alike: dict[tuple[bool, str, str, str], list[Drilled]] = {}
    for each in drills:
        alike.setdefault((each.detection, each.scenario, each.strategy, each.engine), []).append(each)
    return tuple(_row(alike[key]) for key in sorted(alike))


def _row(same: Sequence[Drilled]) -> Row:
    first = same[0]
    names = [name for name in STORES if any(name == store for each in same for store, _ in each.by_store)]
    return Row(
        first.scenario,
        first.strategy,
        first.engine,
        first.detection,
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
    """The drills of a folder, oldest first; no proofs or migrations. Misconfigured if there is no such folder.

    A drill that was not judged, because it was killed or still runs, is included, and UNKNOWN.
    """
    return tuple(run for run in inside(runs) if any((run / name).exists() for name in _RUN_FILES) and _is_drill(run))


def _is_drill(run: Path) -> bool:
    """Whether a run is a drill; one that cannot be read counts as one."""
    try:
        return not Run(run).kind
    except HarnessError:
        return True
