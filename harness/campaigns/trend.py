"""Many runs over time: the latest verdict of each series, usual figures, and proofs that expired.

A *series* is all runs of one scenario, strategy, engine and stores, of one application, bucket or cluster. The findings
of a run are trusted if a known key signed them; every other run is judged again from its evidence, and doubted if a
known key signed other runs of the folder.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from harness.campaigns.matrix.results import cut_off, drilled, time_of
from harness.checks.trust import Provenance
from harness.core import durations
from harness.core.errors import HarnessError
from harness.core.json import flat, items, mapping, number, numbers, text
from harness.core.model import Json, Verdict, worst
from harness.core.reason import Reason, from_name
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_directory import (
    FIRST_LANE,
    began,
    fingerprint_of,
    inside,
    lane_of,
    made_with,
    manifests_of,
    read_json,
)
from harness.evidence.run_view import WORST_FIRST
from harness.evidence.signing import attestation

FIGURES = {"rto_s": "RTO", "rpo_s": "RPO"}  # the figures that are followed, with their headings
ENOUGH, MOST = 5, 20  # a band needs at least, and takes at most, so many earlier drills that passed; the newest ones
BAND = (
    f"The band shows usual values: the median of the last {ENOUGH} to {MOST} earlier drills of the same series, size "
    "and manifests that passed, plus and minus three times their median absolute deviation (x 1.4826, as for a normal "
    "distribution), but at least 5 % of the median. It does not change the verdict; the objectives do."
)

_NOT_COMPARED = ("about", "summary", "left_out", "selftest", "schema")
"""Keys of run.json that say nothing about what was drilled."""


@dataclass(frozen=True, order=True)
class SeriesKey:
    """What comparable drills have in common."""

    scenario: str
    strategy: str
    engine: str
    stores: tuple[str, ...]
    of: str = ""  # the application, bucket or existing cluster; "" for drillproof's own
    lane: str = ""  # of Velero; "" for 1.16, the first one, and for runs that do not choose it

    @property
    def made_with(self) -> str:
        return made_with(self.engine, self.lane)

    @property
    def variant(self) -> str:
        """All but the scenario, in words. A proof has no strategy."""
        return ", ".join(filter(None, (self.strategy, self.made_with, " ".join(self.stores), self.of)))


@dataclass(frozen=True)
class Point:
    run: Path
    key: SeriesKey
    size: str
    ended: datetime
    verdict: Verdict
    figures: Mapping[str, float | None]  # as FIGURES; none if not trusted, or if a bad recovery was expected
    objectives: Mapping[str, float]
    doubt: str = ""  # why its findings are not trusted, if so
    findings: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # by check, verdict and reason; no PASS
    manifests: str = ""  # a fingerprint of those of the user's application


@dataclass(frozen=True)
class Band:
    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Series:
    """All drills with one key, oldest first; `points` has at least one."""

    key: SeriesKey
    points: tuple[Point, ...]
    bands: Mapping[str, Band]
    changes: tuple[tuple[str, str, str], ...]  # since the last drill that passed before the newest: what, before, now
    expires: datetime | None  # when the newest drill that passed stops to count; None if none passed
    expired: bool
    age: timedelta  # since the newest drill ended
    late: str  # why it is overdue, in a line; "" if it is not

    @property
    def newest(self) -> Point:
        """The drill that sets the status."""
        return self.points[-1]

    @property
    def green(self) -> Point | None:
        return next((point for point in reversed(self.points) if point.verdict is Verdict.PASS), None)

    @property
    def measured(self) -> bool:
        """Whether any drill has figures; a detection scenario has none."""
        return any(point.figures for point in self.points)

    @property
    def verdict(self) -> Verdict:
        """That of the newest drill; UNKNOWN at best if it is overdue or the proof expired."""
        return worst((self.newest.verdict, *([Verdict.UNKNOWN] if self.expired or self.late else [])))


@dataclass(frozen=True)
class Coverage:
    scenario: str
    word: str  # proved, expired, overdue, not green, never drilled
    series: int
    proved: int  # series with the verdict PASS
    drilled: datetime | None  # the end of the newest drill
    green: datetime | None  # the end of the newest drill that passed
    expires: datetime | None  # when the first proof of its series expires


@dataclass(frozen=True)
class Job:
    name: str
    every: timedelta | None  # how often it is to run
    began: datetime | None  # when it last did
    verdict: Verdict
    why: str  # in a line


@dataclass(frozen=True)
class Trend:
    series: tuple[Series, ...]  # worst first
    never: tuple[str, ...]  # scenarios that were never drilled
    required: tuple[str, ...]  # those of them that had to be
    problems: tuple[str, ...]  # runs that are not trusted at all; one line each
    expiry_days: int
    made: datetime
    every: timedelta | None = None  # the expected interval of each series
    job: Job | None = None
    not_judged: tuple[str, ...] = ()  # runs that still run, or were killed; one line each

    @property
    def verdict(self) -> Verdict:
        """The worst of all series and the job; UNKNOWN for a run not trusted, or a required scenario not drilled."""
        doubt = [Verdict.UNKNOWN] if self.problems or self.required else []
        return worst([*(each.verdict for each in self.series), *doubt, *([self.job.verdict] if self.job else [])])

    @property
    def holds_until(self) -> datetime | None:
        """Until when it is PASS if nothing else is drilled; None if it is not PASS."""
        drilled = [each.newest.ended for each in self.series]
        if self.job and self.job.began:
            drilled.append(self.job.began)
        overdue = [moment + durations.OVERDUE_AFTER * self.every for moment in drilled if self.every]
        expired = [each.expires for each in self.series if each.expires]
        return min([*overdue, *expired], default=None) if self.verdict is Verdict.PASS else None

    @property
    def doubts(self) -> tuple[str, ...]:
        """Every run that is not trusted, and why; each begins with its name."""
        of_points = (f"{point.run.name}: {point.doubt}" for each in self.series for point in each.points if point.doubt)
        return (*self.problems, *of_points)

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """Every scenario that was drilled or could be; what was not drilled comes last."""
        by_scenario: dict[str, list[Series]] = {}
        for each in self.series:
            by_scenario.setdefault(each.key.scenario, []).append(each)
        missing = (Coverage(name, "never drilled", 0, 0, None, None, None) for name in self.never)
        return (*(_covered(name, series) for name, series in by_scenario.items()), *missing)


def trend(
    runs: Path,
    known: Iterable[str],
    *,
    scenarios: Sequence[str],
    asked: Sequence[str] = (),
    expiry_days: int = 30,
    every: timedelta | None = None,
    job: Job | None = None,
    now: datetime | None = None,
) -> Trend:
    """The series in a folder. `known` keys are trusted; `asked` of all `scenarios` must have been drilled.

    Only runs of `asked` are shown, or all if it is empty. `every` is the expected interval of each series; by default
    that of the `job`. Misconfigured if there is no such folder.
    """
    made = now or datetime.now(UTC)
    often = every or (job.every if job else None)
    points, problems, not_judged = _points(runs, frozenset(known), made)
    wanted = [point for point in points if not asked or point.key.scenario in asked]
    by_key: dict[SeriesKey, list[Point]] = {}
    for point in sorted(wanted, key=lambda point: (point.ended, point.run.name)):
        by_key.setdefault(point.key, []).append(point)
    seen = {key.scenario for key in by_key}
    never = tuple(name for name in asked or scenarios if name not in seen)
    series = [_series(key, by_key[key], timedelta(days=expiry_days), often, made) for key in sorted(by_key)]
    series.sort(key=lambda each: WORST_FIRST.index(each.verdict))
    required = never if asked else ()
    return Trend(tuple(series), never, required, tuple(problems), expiry_days, made, often, job, tuple(not_judged))


def _points(runs: Path, known: frozenset[str], now: datetime) -> tuple[list[Point], list[str], list[str]]:
    points: list[Point] = []
    problems: list[str] = []
    not_judged: list[str] = []
    origin = Provenance.of_folder(runs, known)
    first: dict[str, str] = {}  # the run that came first with each signed drill
    for run in inside(runs):
        if why := cut_off(run):
            not_judged.append(f"{run.name}: {why}")
            continue
        try:
            point, drill = _point(run, origin)
        except (HarnessError, OSError) as error:
            why = str(error) if isinstance(error, HarnessError) else f"cannot be read: {error.strerror}"
            problems.append(f"{run.name}: {why.replace(f'{run}/', '')}")
            continue
        if drill and first.setdefault(drill, run.name) != run.name:
            problems.append(f"{run.name}: is a copy of {first[drill]}; a drill counts once")
        elif point.ended > now + durations.CLOCK_SKEW:
            problems.append(f"{run.name}: ended in the future ({point.ended:%Y-%m-%d %H:%M}); check the clock")
        else:
            points.append(point)
    return points, problems, not_judged


def _point(run: Path, origin: Provenance) -> tuple[Point, str]:
    """One run, and which drill it is if a known key signed that. HarnessError if it is not trusted at all."""
    facts = read_json(run / "run.json")
    point = Point(
        run,
        key_of(facts),
        text(facts, "size"),
        _time_of_name(run),
        Verdict.UNKNOWN,
        {},
        numbers(facts.get("objectives")),
        manifests=fingerprint_of(manifests_of(facts)),
    )
    if not attestation.is_signed(run):
        return _judged(point, origin.doubt(run)), ""
    found = attestation.verify_findings(run)
    if found.problems or not found.evidence or not found.verdict:
        # Not even its time is trusted: an older name must not hide it behind a newer drill.
        raise HarnessError(f"differs from what was signed: {found.problems[0]}")
    if not {found.evidence.key, found.verdict.key} <= origin.known:
        return _judged(point, origin.doubt(run)), ""
    point = replace(point, findings=_bad(run))
    verdicts = (read_json(run / "findings.json").get("verdict"), found.verdict.said.get("verdict"))
    verdict = worst(map(verdict_of, verdicts))
    figures = {} if expects_findings(facts) else {name: number(found.verdict.said.get(name)) for name in FIGURES}
    signed_at = text(found.evidence.said, "signedAt")
    drill = f"{text(found.evidence.said.get('run'))} {signed_at}"
    return replace(point, verdict=verdict, figures=figures, ended=time_of(signed_at) or point.ended), drill


def _judged(point: Point, doubt: str) -> Point:
    """A run whose findings no known key signed, as its evidence says; `doubt` of its origin is kept."""
    if not (point.run / "findings.json").exists():
        hint = f"`drillproof recheck {point.run.name}` judges it"
        return replace(point, doubt=f"has no verdict, although it ended; {hint}")
    found = drilled(point.run, doubt)
    return replace(
        point,
        verdict=found.verdict,
        figures={name: found.figures[name] for name in FIGURES} if found.figures and not found.doubt else {},
        ended=found.ended or point.ended,
        doubt=found.doubt,
        findings={} if found.doubt else _bad(point.run),
    )


def _bad(run: Path) -> Counter[tuple[str, str, str]]:
    found = map(mapping, items(read_json(run / "findings.json").get("findings")))
    names = ((text(each, "check"), verdict_of(each.get("verdict")), text(each, "reason")) for each in found)
    known = ((check, verdict, from_name(reason) or Reason.Unspecified) for check, verdict, reason in names)
    return Counter((check, verdict.value, str(reason)) for check, verdict, reason in known if verdict != Verdict.PASS)


def key_of(facts: Mapping[str, Json]) -> SeriesKey:
    scenario, strategy, engine = (text(facts.get(name)) for name in ("scenario", "strategy", "engine"))
    of, lane = ", ".join(filter(None, _of(facts))), lane_of(facts)
    lane = "" if lane == FIRST_LANE else lane
    return SeriesKey(scenario, strategy, engine, tuple(mapping(facts, "stores")), of, lane)


def _of(facts: Mapping[str, Json]) -> Iterator[str]:
    """Whose stores these are: others may have the same names, and one says nothing about the other."""
    yield text(facts, "application")
    place = mapping(facts.get("backup"), "place")
    if place:
        bucket, prefix, endpoint = (text(place.get(name)) for name in ("bucket", "prefix", "endpoint"))
        schedule = text(facts.get("backup"), "schedule")
        whose = f"{schedule} in " if schedule else ""
        yield f"{whose}{bucket}{f'/{prefix}' if prefix else ''} at {endpoint or 'AWS'}"
    ends = (mapping(facts.get(end)) for end in ("source", "target"))
    yield " to ".join(f"{text(end.get('namespace'))} of {text(end.get('context'))}" for end in ends if end)
    if facts.get("fenced") is False:
        yield text(facts.get("versions"), "cluster").partition(",")[0]


def verdict_of(value: Json) -> Verdict:
    """A verdict by name; UNKNOWN for any other value."""
    try:
        return Verdict(value)
    except ValueError:
        return Verdict.UNKNOWN


def _time_of_name(run: Path) -> datetime:
    if named := began(run):
        return named
    try:
        return datetime.fromtimestamp((run / "run.json").stat().st_mtime, UTC)
    except (ValueError, OverflowError) as error:
        raise HarnessError("has no start time, neither in its name nor in run.json") from error


def _series(
    key: SeriesKey, points: Sequence[Point], expiry: timedelta, every: timedelta | None, now: datetime
) -> Series:
    *earlier, newest = points
    green = [point for point in earlier if point.verdict is Verdict.PASS]
    alike = [point for point in green if (point.size, point.manifests) == (newest.size, newest.manifests)]
    proved = newest if newest.verdict is Verdict.PASS else green[-1] if green else None
    expires = proved.ended + expiry if proved else None
    return Series(
        key,
        tuple(points),
        {name: band for name in FIGURES if (band := _band([point.figures.get(name) for point in alike[-MOST:]]))},
        tuple(_changes(green[-1].run, newest.run)) if green else (),
        expires,
        expires is not None and expires < now,
        now - newest.ended,
        durations.overdue(now - newest.ended, every),
    )


def _covered(scenario: str, series: Sequence[Series]) -> Coverage:
    proved = sum(each.verdict is Verdict.PASS for each in series)
    late = "overdue" if any(each.late for each in series) else "not green"
    word = "proved" if proved == len(series) else "expired" if any(each.expired for each in series) else late
    return Coverage(
        scenario,
        word,
        len(series),
        proved,
        max(each.newest.ended for each in series),
        max((each.green.ended for each in series if each.green), default=None),
        min((each.expires for each in series if each.expires), default=None),
    )


def _band(values: Iterable[float | None]) -> Band | None:
    measured = [value for value in values if value is not None]
    if len(measured) < ENOUGH:
        return None
    middle = median(measured)
    spread = max(3 * 1.4826 * median(abs(value - middle) for value in measured), 0.05 * middle)
    return Band(max(0.0, middle - spread), middle, middle + spread)


def _changes(before: Path, now: Path) -> Iterator[tuple[str, str, str]]:
    runs = (read_json(run / "run.json").items() for run in (before, now))
    then, later = (dict(flat({name: value for name, value in run if name not in _NOT_COMPARED})) for run in runs)
    for name in dict.fromkeys((*then, *later)):
        if then.get(name) != later.get(name):
            yield name, then.get(name, ""), later.get(name, "")
