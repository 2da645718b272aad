"""Many runs over time: what each make of drill came to lately, what is usual for it, and what is not proved any more.

A *make* is a scenario with a strategy, an engine and stores, of one application, bucket or cluster. Of a run that is
signed by a key that is known here the findings are believed, since they are what was concluded; every other run is
judged anew from its evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from harness.campaigns.matrix.results import drilled, time_of
from harness.core import durations
from harness.core.errors import HarnessError
from harness.core.json import flat, items, mapping, number, numbers, text
from harness.core.model import Json, Verdict, worst
from harness.core.reason import Reason, named
from harness.evidence.before_reasons import expects_findings
from harness.evidence.run_directory import began, inside, read_json
from harness.evidence.run_view import WORST_FIRST
from harness.evidence.signing import attestation

FIGURES = {"rto_s": "RTO", "rpo_s": "RPO"}
"""What is followed over time, and its heading."""

ENOUGH, MOST = 5, 20
"""So many earlier green drills make a band, at least and at most; the newest ones are taken."""

BAND = (
    f"The band is what is usual: the median of the last {ENOUGH} to {MOST} earlier green drills of the same make and "
    "size, and to both sides three times their median absolute deviation (x 1.4826, as of a normal distribution), "
    "but no less than 5 % of the median. It makes no verdict; the objectives do."
)

_UNTOLD = ("summary", "left_out", "selftest", "schema")
"""What of run.json tells nothing of a change in what was drilled."""


@dataclass(frozen=True, order=True)
class Make:
    """What drills have in common that can be held against each other."""

    scenario: str
    strategy: str
    engine: str
    stores: tuple[str, ...]
    of: str = ""  # whose these are: an application, a bucket, a cluster of others; "" for what drillproof brings itself


@dataclass(frozen=True)
class Point:
    """One drill as a trend shows it."""

    run: Path
    make: Make
    size: str
    ended: datetime
    verdict: Verdict
    figures: Mapping[str, float | None]  # by name, see FIGURES; none where it is not believed, or was to be bad
    objectives: Mapping[str, float]
    doubt: str = ""  # why its verdict is not what its findings say, if so
    findings: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # by check, verdict and reason; no PASS


@dataclass(frozen=True)
class Band:
    """What is usual for a figure."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Line:
    """All drills of one make, oldest first; `points` has at least one."""

    make: Make
    points: tuple[Point, ...]
    bands: Mapping[str, Band]
    changes: tuple[tuple[str, str, str], ...]  # since the last green drill before the newest: what, before, now
    expires: datetime | None  # when the newest green drill proves nothing any more; None if none was green
    expired: bool
    age: timedelta  # since the newest drill ended
    late: str  # that it was drilled too long ago for how often it is to be, in a line; "" if not, or nobody said

    @property
    def newest(self) -> Point:
        """The drill that speaks for the make."""
        return self.points[-1]

    @property
    def green(self) -> Point | None:
        """The newest drill that passed."""
        return next((point for point in reversed(self.points) if point.verdict is Verdict.PASS), None)

    @property
    def measured(self) -> bool:
        """Whether any drill has figures; those of a recovery that is bad on purpose have none."""
        return any(point.figures for point in self.points)

    @property
    def verdict(self) -> Verdict:
        """That of the newest drill; UNKNOWN at best where no green one is new enough, or the next one is overdue."""
        return worst((self.newest.verdict, *([Verdict.UNKNOWN] if self.expired or self.late else [])))


@dataclass(frozen=True)
class Coverage:
    """What is still proved of a scenario."""

    scenario: str
    word: str  # proved, expired, overdue, not green, never drilled
    makes: int
    proved: int  # makes whose newest drill passed, and not too long ago
    drilled: datetime | None  # the newest drill's end
    green: datetime | None  # the newest green drill's
    expires: datetime | None  # when the first of its makes is proved no more


@dataclass(frozen=True)
class Job:
    """What makes the runs of a folder by itself, and what that is worth now."""

    name: str
    every: timedelta | None  # how often it is to run
    began: datetime | None  # when it last did
    verdict: Verdict
    why: str  # in a line


@dataclass(frozen=True)
class Trend:
    """What a folder of runs comes to."""

    lines: tuple[Line, ...]  # worst first
    never: tuple[str, ...]  # scenarios that were never drilled
    required: tuple[str, ...]  # those of them that had to be
    problems: tuple[str, ...]  # runs of which nothing is told, since nothing is believed; one line each
    expiry_days: int
    made: datetime
    every: timedelta | None = None  # how often each make is to be drilled; None if nobody said
    job: Job | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst of all makes and the job; UNKNOWN if something cannot be told, or was to be drilled and was not."""
        doubt = [Verdict.UNKNOWN] if self.problems or self.required else []
        return worst([*(line.verdict for line in self.lines), *doubt, *([self.job.verdict] if self.job else [])])

    @property
    def holds_until(self) -> datetime | None:
        """When it is green no more if nothing is drilled meanwhile; None if it is not green."""
        drilled = [line.newest.ended for line in self.lines]
        if self.job and self.job.began:
            drilled.append(self.job.began)
        overdue = [moment + durations.LATE * self.every for moment in drilled if self.every]
        expired = [line.expires for line in self.lines if line.expires]
        return min([*overdue, *expired], default=None) if self.verdict is Verdict.PASS else None

    @property
    def doubts(self) -> tuple[str, ...]:
        """Every run that is not believed, and why; each begins with its name."""
        of_points = (f"{point.run.name}: {point.doubt}" for line in self.lines for point in line.points if point.doubt)
        return (*self.problems, *of_points)

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """Every scenario that was drilled or could be; what was not drilled comes last."""
        by_scenario: dict[str, list[Line]] = {}
        for line in self.lines:
            by_scenario.setdefault(line.make.scenario, []).append(line)
        missing = (Coverage(name, "never drilled", 0, 0, None, None, None) for name in self.never)
        return (*(_covered(name, lines) for name, lines in by_scenario.items()), *missing)


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
    """What the runs in a folder come to. `known` keys are believed; `asked` of all `scenarios` must have been drilled.

    Only runs of `asked` are shown, or all if it is empty. `every` is how often each make is to be drilled; if it is not
    given, as often as the `job` that makes them. Misconfigured if there is no such folder.
    """
    made = now or datetime.now(UTC)
    often = every or (job.every if job else None)
    points, problems = _points(runs, frozenset(known), made)
    wanted = [point for point in points if not asked or point.make.scenario in asked]
    makes: dict[Make, list[Point]] = {}
    for point in sorted(wanted, key=lambda point: (point.ended, point.run.name)):
        makes.setdefault(point.make, []).append(point)
    seen = {make.scenario for make in makes}
    never = tuple(name for name in asked or scenarios if name not in seen)
    lines = [_line(make, makes[make], timedelta(days=expiry_days), often, made) for make in sorted(makes)]
    lines.sort(key=lambda line: WORST_FIRST.index(line.verdict))
    return Trend(tuple(lines), never, never if asked else (), tuple(problems), expiry_days, made, often, job)


def _points(runs: Path, known: frozenset[str], now: datetime) -> tuple[list[Point], list[str]]:
    points: list[Point] = []
    problems: list[str] = []
    first: dict[str, str] = {}  # the run that came first with each signed drill
    for run in inside(runs):
        try:
            point, drill = _point(run, known)
        except (HarnessError, OSError) as error:
            said = str(error) if isinstance(error, HarnessError) else f"cannot be read: {error.strerror}"
            problems.append(f"{run.name}: {said.replace(f'{run}/', '')}")
            continue
        if drill and first.setdefault(drill, run.name) != run.name:
            problems.append(f"{run.name}: is a copy of {first[drill]}, and one drill counts once")
        elif point.ended > now + durations.AHEAD:
            problems.append(f"{run.name}: says that it ended {point.ended:%Y-%m-%d %H:%M}, which is yet to come")
        else:
            points.append(point)
    return points, problems


def _point(run: Path, known: frozenset[str]) -> tuple[Point, str]:
    """What one run says, and which drill it is if somebody known signed that. HarnessError if it says nothing."""
    facts = read_json(run / "run.json")
    point = Point(
        run,
        make_of(facts),
        text(facts, "size"),
        _time_of_name(run),
        Verdict.UNKNOWN,
        {},
        numbers(facts.get("objectives")),
    )
    if not attestation.is_signed(run):
        return _judged(point), ""
    found = attestation.verify_findings(run)
    if found.problems or not found.evidence or not found.verdict:
        # Nothing of it is believed, not even when it was drilled: an older name must not hide it behind a newer drill.
        raise HarnessError(f"is not what was signed: {found.problems[0]}")
    if not {found.evidence.key, found.verdict.key} <= known:
        return _judged(point), ""
    point = replace(point, findings=_bad(run))
    said = (read_json(run / "findings.json").get("verdict"), found.verdict.said.get("verdict"))
    verdict = worst(map(verdict_of, said))
    noticing = expects_findings(facts)  # figures of a bad recovery would praise it
    figures = {} if noticing else {name: number(found.verdict.said.get(name)) for name in FIGURES}
    signed_at = text(found.evidence.said, "signedAt")
    drill = f"{text(found.evidence.said.get('run'))} {signed_at}"
    return replace(point, verdict=verdict, figures=figures, ended=time_of(signed_at) or point.ended), drill


def _judged(point: Point) -> Point:
    """What the judge says of a run that nobody known here stands for."""
    if not (point.run / "findings.json").exists():
        again = f"`drillproof recheck {point.run.name}` judges what there is"
        return replace(point, doubt=f"was never judged: it broke off, or is under way; {again}")
    found = drilled(point.run)
    return replace(
        point,
        verdict=found.verdict,
        figures={name: found.figures[name] for name in FIGURES} if found.figures and not found.doubt else {},
        ended=found.ended or point.ended,
        doubt=found.doubt,
        findings={} if found.doubt else _bad(point.run),
    )


def _bad(run: Path) -> Counter[tuple[str, str, str]]:
    """How many findings that are no PASS there are by check, verdict and reason."""
    told = map(mapping, items(read_json(run / "findings.json").get("findings")))
    names = ((text(each, "check"), verdict_of(each.get("verdict")), text(each, "reason")) for each in told)
    known = ((check, verdict, named(reason) or Reason.Unspecified) for check, verdict, reason in names)
    return Counter((check, verdict.value, str(reason)) for check, verdict, reason in known if verdict != Verdict.PASS)


def make_of(facts: Mapping[str, Json]) -> Make:
    """The make of a drill, by its run.json."""
    scenario, strategy, engine = (text(facts.get(name)) for name in ("scenario", "strategy", "engine"))
    return Make(scenario, strategy, engine, tuple(mapping(facts, "stores")), ", ".join(filter(None, _of(facts))))


def _of(facts: Mapping[str, Json]) -> Iterator[str]:
    """Whose stores they are, since many may call theirs alike, and what passes in one place says nothing of another."""
    yield text(facts, "application")
    place = mapping(facts.get("backup"), "place")
    if place:
        bucket, prefix, endpoint = (text(place.get(name)) for name in ("bucket", "prefix", "endpoint"))
        schedule = text(facts.get("backup"), "schedule")
        whose = f"{schedule} in " if schedule else ""
        yield f"{whose}{bucket}{f'/{prefix}' if prefix else ''} at {endpoint or 'AWS'}"
    ends = (mapping(facts.get(end)) for end in ("source", "target"))
    yield " to ".join(f"{text(end.get('namespace'))} of {text(end.get('context'))}" for end in ends if end)
    if facts.get("fenced") is False:  # in words: the context, and that it is not ours
        yield text(facts.get("versions"), "cluster").partition(",")[0]


def verdict_of(value: Json) -> Verdict:
    """A verdict by its word; UNKNOWN for any other."""
    try:
        return Verdict(value)
    except ValueError:
        return Verdict.UNKNOWN


def _time_of_name(run: Path) -> datetime:
    """When a run was begun, by its name; by the file system if that says nothing."""
    if named := began(run):
        return named
    try:
        return datetime.fromtimestamp((run / "run.json").stat().st_mtime, UTC)
    except (ValueError, OverflowError) as error:
        raise HarnessError("neither its name nor its run.json says when it was begun") from error


def _line(make: Make, points: Sequence[Point], expiry: timedelta, every: timedelta | None, now: datetime) -> Line:
    *earlier, newest = points
    green = [point for point in earlier if point.verdict is Verdict.PASS]
    alike = [point for point in green if point.size == newest.size]
    proved = newest if newest.verdict is Verdict.PASS else green[-1] if green else None
    expires = proved.ended + expiry if proved else None
    return Line(
        make,
        tuple(points),
        {name: band for name in FIGURES if (band := _band([point.figures.get(name) for point in alike[-MOST:]]))},
        tuple(_changes(green[-1].run, newest.run)) if green else (),
        expires,
        expires is not None and expires < now,
        now - newest.ended,
        durations.late(now - newest.ended, every),
    )


def _covered(scenario: str, lines: Sequence[Line]) -> Coverage:
    proved = sum(line.verdict is Verdict.PASS for line in lines)
    late = "overdue" if any(line.late for line in lines) else "not green"
    word = "proved" if proved == len(lines) else "expired" if any(line.expired for line in lines) else late
    return Coverage(
        scenario,
        word,
        len(lines),
        proved,
        max(line.newest.ended for line in lines),
        max((line.green.ended for line in lines if line.green), default=None),
        min((line.expires for line in lines if line.expires), default=None),
    )


def _band(values: Iterable[float | None]) -> Band | None:
    measured = [value for value in values if value is not None]
    if len(measured) < ENOUGH:
        return None
    middle = median(measured)
    spread = max(3 * 1.4826 * median(abs(value - middle) for value in measured), 0.05 * middle)
    return Band(max(0.0, middle - spread), middle, middle + spread)


def _changes(before: Path, now: Path) -> Iterator[tuple[str, str, str]]:
    """What run.json says otherwise of one drill than of an earlier one."""
    then, later = (_facts(run) for run in (before, now))
    for name in dict.fromkeys((*then, *later)):
        if then.get(name) != later.get(name):
            yield name, then.get(name, ""), later.get(name, "")


def _facts(run: Path) -> Mapping[str, str]:
    facts = {name: value for name, value in read_json(run / "run.json").items() if name not in _UNTOLD}
    return dict(flat(facts))
