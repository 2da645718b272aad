"""The table of strategies, scenarios and stores, from run directories alone."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist, median

from harness.checks.trust import believed
from harness.core.errors import HarnessError, Unreadable
from harness.core.json import number, text
from harness.core.model import Verdict, worst
from harness.core.reason import Reason
from harness.evidence import journal
from harness.evidence.before_reasons import expects_findings
from harness.evidence.marks import legs
from harness.evidence.run_directory import (
    Run,
    changed_manifests,
    fingerprint_of,
    inside,
    lane_of,
    made_with,
    manifests_of,
)
from harness.evidence.signing import attestation
from harness.reports import RunView
from harness.workflows.drill.scenario import STORES

FIGURES = {"rto_s": "RTO", "rpo_s": "RPO", "backup_s": "Backup", "tool_s": "Restore", "stored_bytes": "Stored"}
"""The figures of a recovery, with their headings; the restore by the tool is one leg of the RTO."""

_RUN_FILES = ("run.json", "journal.jsonl", "findings.json")
"""A folder with any of these is a run, even if it is incomplete."""

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Drilled:
    run: Path
    scenario: str
    strategy: str
    engine: str
    detection: bool  # whether a bad recovery had to be detected
    verdict: Verdict
    by_store: Mapping[str, Verdict]
    figures: Mapping[str, float | None]  # by name, see FIGURES
    took_s: float
    ended: datetime | None  # wall clock, from the journal
    doubt: str  # why its findings are not trusted, if so
    lane: str = ""  # of Velero; "" where the drill did not choose it
    application: str = ""  # the user's; "" for drillproof's own
    manifests: Mapping[str, str] = field(default_factory=dict)  # digests of what it consists of


@dataclass(frozen=True)
class Survival:
    """Verdicts of repeated drills; UNKNOWN ones do not count."""

    passed: int
    failed: int
    unknown: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's score interval of the share that passed; None if none was judged.

        Wilson, JASA 22 (1927), 209-212: valid also if all drills passed, or for few drills.
        """
        judged = self.passed + self.failed
        if not judged:
            return None
        share, spread = self.passed / judged, _Z**2 / judged
        middle = (share + spread / 2) / (1 + spread)
        half = _Z / (1 + spread) * (share * (1 - share) / judged + spread / (4 * judged)) ** 0.5
        # Rounding must not exclude the observed share.
        return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))

    def __str__(self) -> str:
        """`3 of 4 came back (75 %; with 95 % confidence 30 to 95 %)`."""
        judged = self.passed + self.failed
        words = f"{self.passed} of {judged} came back"
        if self.interval:
            low, high = self.interval
            words += f" ({self.passed / judged:.0%}; with {CONFIDENCE:.0%} confidence {low:.0%} to {high:.0%})"
        return f"{words}; {self.unknown} could not be judged" if self.unknown else words


@dataclass(frozen=True)
class Row:
    scenario: str
    strategy: str
    engine: str
    detection: bool
    verdict: Verdict
    by_store: Mapping[str, Verdict]
    survival: Survival
    figures: Mapping[str, float | None]  # medians of the drills that measured them
    took_s: float
    runs: tuple[Path, ...]
    doubts: tuple[str, ...]  # each begins with the name of a run
    lane: str = ""
    application: str = ""
    manifests: Mapping[str, str] = field(default_factory=dict)

    @property
    def made_with(self) -> str:
        return made_with(self.engine, self.lane)

    @property
    def of(self) -> str:
        """The user's application and what its manifests contain; "" for drillproof's own."""
        return " ".join(filter(None, (self.application, fingerprint_of(self.manifests))))


def drilled(run: Path, origin_doubt: str = "") -> Drilled:
    """One run directory. UNKNOWN at best if its findings differ from a re-evaluation, or its origin is doubted."""
    view = believed(run)
    doubt = next(iter(view.problems), origin_doubt)
    detection = expects_findings(view.facts)
    unknown = [Verdict.UNKNOWN] if doubt else []
    by_store = {
        store: worst([*(finding.verdict for finding in view.findings if finding.store in {"", store}), *unknown])
        for store in ordered(view.members)
    }
    return Drilled(
        run,
        view.scenario,
        text(view.facts, "strategy"),
        text(view.facts, "engine"),
        detection,
        worst([view.verdict, *unknown]),
        by_store,
        {} if detection or doubt else _figures(view),  # a bad recovery on purpose has no figures
        view.events[-1].at_s if view.events else 0.0,
        time_of(view.events[-1].at) if view.events else None,
        doubt,
        lane_of(view.facts),
        text(view.facts, "application"),
        manifests_of(view.facts),
    )


def ordered(stores: Iterable[str]) -> list[str]:
    """Each store once: drillproof's own in their usual order, then those of users' applications."""
    known = dict.fromkeys(stores)
    return [*(store for store in STORES if store in known), *(store for store in known if store not in STORES)]


def time_of(label: str) -> datetime | None:
    """A time from its ISO label; None if it is invalid."""
    try:
        return datetime.fromisoformat(label).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _figures(view: RunView) -> dict[str, float | None]:
    taken = legs(view.marks)
    stored = view.of("stored")
    return {
        "rto_s": number(view.judged, "rto_s"),
        "rpo_s": number(view.judged, "rpo_s"),
        "backup_s": taken["backup_s"],
        "tool_s": taken["tool_s"],
        "stored_bytes": number(stored[-1].data.get("bytes")) if stored else None,
    }


def survival(verdicts: Iterable[Verdict]) -> Survival:
    count = Counter(verdicts)
    return Survival(count[Verdict.PASS], count[Verdict.FAIL], count[Verdict.UNKNOWN])


def rows(drills: Iterable[Drilled]) -> tuple[Row, ...]:
    """One row for each scenario, strategy, engine, lane and content of an application; recoveries first."""
    alike: dict[tuple[bool, str, str, str, str, str, str], list[Drilled]] = {}
    for each in drills:
        of = (each.application, fingerprint_of(each.manifests))
        key = (each.detection, each.scenario, each.strategy, each.engine, each.lane, *of)
        alike.setdefault(key, []).append(each)
    return tuple(_row(alike[key]) for key in sorted(alike))


def changed(table: Iterable[Row]) -> Iterator[str]:
    """What became different in the manifests of an application from drill to drill; one line for each change."""
    contents: dict[str, dict[str, tuple[str, Mapping[str, str]]]] = {}  # by application and fingerprint: the first run
    for row in table:
        if row.manifests:
            of, fingerprint = contents.setdefault(row.application, {}), fingerprint_of(row.manifests)
            first, _ = of.get(fingerprint, (row.runs[0].name, {}))
            of[fingerprint] = min(first, *(run.name for run in row.runs)), row.manifests
    for application, by_fingerprint in sorted(contents.items()):
        in_time = sorted(by_fingerprint.items(), key=lambda each: each[1][0])
        for (was, (_, before)), (now, (run, after)) in itertools.pairwise(in_time):
            yield f"{application} {was} became {now} with {run}: {', '.join(changed_manifests(before, after))}"


def _row(same: Sequence[Drilled]) -> Row:
    first = same[0]
    stores = ordered(store for each in same for store in each.by_store)
    return Row(
        first.scenario,
        first.strategy,
        first.engine,
        first.detection,
        worst(each.verdict for each in same),
        {store: worst(each.by_store[store] for each in same if store in each.by_store) for store in stores},
        survival(each.verdict for each in same),
        {name: _median(each.figures.get(name) for each in same) for name in FIGURES},
        sum(each.took_s for each in same),
        tuple(each.run for each in same),
        tuple(f"{each.run.name}: {each.doubt}" for each in same if each.doubt),
        first.lane,
        first.application,
        first.manifests,
    )


def _median(figures: Iterable[float | None]) -> float | None:
    measured = [figure for figure in figures if figure is not None]
    return median(measured) if measured else None


def all_drills(runs: Path) -> tuple[Path, ...]:
    """The drills of a folder, oldest first; no proofs or migrations. Misconfigured if there is no such folder.

    A drill that still runs, or was killed, is included: see `cut_off`.
    """
    return tuple(run for run in inside(runs) if any((run / name).exists() for name in _RUN_FILES) and _is_drill(run))


def cut_off(run: Path) -> str:
    """Why a run says nothing about a recovery: it still runs, or was killed before its end. "" if it ended."""
    if (run / "findings.json").exists() or attestation.is_signed(run):
        return ""
    try:
        ended = journal.read(run / "journal.jsonl")[-1].kind == "end"
    except Unreadable as error:
        ended = error.reason is not Reason.JournalTruncated
    return "" if ended else f"still runs, or was killed; `drillproof recheck {run.name}` judges what there is"


def _is_drill(run: Path) -> bool:
    """Whether a run is a drill; one that cannot be read counts as one."""
    try:
        return not Run(run).kind
    except HarnessError:
        return True
