"""How each target of a fleet stands, from the signed attempts in the archive, one target after the other.

Only attempts by a known key count, and only those of the target as it is defined now. A target that never reported, or
not for one and a half intervals, is overdue: that is never green, whatever its last proof said.
"""

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from harness.campaigns.fleet.definition import Fleet, Target
from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule import attempt_log
from harness.campaigns.schedule.attempt import Attempt
from harness.campaigns.schedule.attempt_log import Files
from harness.core import durations
from harness.core.model import Verdict, worst
from harness.core.text import duration
from harness.evidence.signing.keys import PublicKey

MOST_POINTS = 20  # of the trend of one target
FIGURES = {"rto_s": "RTO", "rpo_s": "RPO"}


class State(enum.Enum):
    FAILED = "failed"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"
    PROVED = "proved"


@dataclass(frozen=True)
class Point:
    ended: datetime
    verdict: Verdict
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    target: Target
    state: State
    why: str  # in a line
    ended: datetime | None  # of the newest attempt
    proved: datetime | None  # when the newest attempt that passed ended
    points: tuple[Point, ...]  # oldest first
    changed: str  # since the attempt before the newest; "" for nothing
    problems: tuple[str, ...]  # records that are not trusted

    @property
    def verdict(self) -> Verdict:
        return {State.PROVED: Verdict.PASS, State.FAILED: Verdict.FAIL}.get(self.state, Verdict.UNKNOWN)

    @property
    def figures(self) -> Mapping[str, float]:
        return self.points[-1].figures if self.points else {}


@dataclass(frozen=True)
class Gap:
    """What a cluster or a bucket has, and no target proves."""

    where: str
    why: str


@dataclass(frozen=True)
class Status:
    made: datetime
    rows: tuple[Row, ...]  # worst first
    gaps: tuple[Gap, ...]
    problems: tuple[str, ...]  # targets that are wrong
    others: tuple[str, ...]  # in the archive, and in no target

    @property
    def wanted(self) -> int:
        return len(self.rows) + len(self.gaps) + len(self.problems)

    @property
    def proved(self) -> int:
        return sum(row.state is State.PROVED for row in self.rows)

    @property
    def verdict(self) -> Verdict:
        doubt = [Verdict.UNKNOWN] if self.gaps or self.problems else []
        return worst([*(row.verdict for row in self.rows), *doubt])


def status(
    fleet: Fleet,
    files: Callable[[str], Files],
    known: Mapping[str, PublicKey],
    *,
    others: Iterable[str] = (),
    gaps: Iterable[Gap] = (),
    now: datetime | None = None,
) -> Status:
    """`files` are those of the attempts of a target; `others` are all names that the archive has attempts of."""
    made = now or datetime.now(UTC)
    rows = [_row(target, files(target.name), known, made) for target in fleet.targets]
    order = tuple(State)
    rows.sort(key=lambda row: (order.index(row.state), row.target.name))
    names = {target.name for target in fleet.targets}
    return Status(made, tuple(rows), tuple(gaps), fleet.problems, tuple(sorted(set(others) - names)))


def _row(target: Target, files: Files, known: Mapping[str, PublicKey], now: datetime) -> Row:
    history = attempt_log.history(target.name, (files,), known)
    every = target.when.every
    own = tuple(
        replace(each, every_s=every.total_seconds()) for each in history.attempts if each.target == target.identity
    )
    ended = sorted((each for each in own if each.ended and each.how != attempts.SKIPPED), key=_order)
    verdict, why = attempts.standing(own, now, history.doubt)
    last = attempts.newest_ended(own)
    proved = attempts.newest_ended(
        each for each in own if each.verdict is Verdict.PASS and not attempts.ahead(each, now)
    )
    late = attempts.overdue(own, every, now)
    if not own:
        of_others = (
            f", and {len(history.attempts)} attempts of another definition do not count" if history.attempts else ""
        )
        state, why = State.OVERDUE, f"never reported; expected every {durations.humanize(every)}{of_others}"
    elif verdict is Verdict.FAIL:
        state = State.FAILED
    elif late:
        state = State.OVERDUE
    elif verdict is Verdict.PASS and last and (missed := _missed(target, last)):
        state, why = (State.FAILED if missed[0] else State.UNKNOWN), "; ".join(filter(None, missed))
    else:
        state = State.PROVED if verdict is Verdict.PASS else State.UNKNOWN
    if last and state is not State.PROVED:
        why = "; ".join(filter(None, (why, last.detail)))
    points = tuple(Point(each.ended or now, each.verdict, each.figures) for each in ended[-MOST_POINTS:])
    return Row(
        target,
        state,
        why,
        last.ended if last else None,
        proved.ended if proved else None,
        points,
        _changed(ended, last),
        history.problems,
    )


def _order(each: Attempt) -> tuple[datetime, str]:
    return (each.ended or each.began, each.name)


def _missed(target: Target, last: Attempt) -> tuple[str, str] | None:
    """Objectives of today that the newest proof missed, and those it did not measure; it may be older than they are."""
    asked = {name: limit for name in FIGURES if (limit := target.limits.get(name)) is not None}
    missed = [
        f"{FIGURES[name]} {duration(last.figures[name])}, and at most {duration(limit)} is asked for"
        for name, limit in asked.items()
        if last.figures.get(name, 0) > limit
    ]
    unknown = [f"{FIGURES[name]} was not measured" for name in asked if name not in last.figures]
    return ("; ".join(missed), "; ".join(unknown)) if missed or unknown else None


def _changed(ended: list[Attempt], last: Attempt | None) -> str:
    earlier = [each for each in ended if each is not last]
    said = [last.missed] if last and last.missed else []
    if last and earlier and earlier[-1].verdict is not last.verdict:
        said.insert(0, f"{earlier[-1].verdict.name} before, {last.verdict.name} now")
    return "; ".join(said)


def age(moment: datetime | None, now: datetime) -> str:
    return durations.humanize(max(now - moment, timedelta())) if moment else "never"
