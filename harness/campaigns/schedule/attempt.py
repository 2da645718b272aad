"""Attempts of a job: each start, with its outcome. Overlapping, missed and stuck attempts are found here."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from harness.core import durations
from harness.core.json import items, number, numbers, text
from harness.core.model import Json, Verdict, worst
from harness.core.text import plural

RUNNING, ENDED, DIED, SKIPPED = "running", "ended", "died", "skipped"
STUCK, INTERRUPTED, REFUSED = "stuck", "interrupted", "refused"
HOW = {
    RUNNING: "is running",
    ENDED: "ended",
    DIED: "died without a trace: its machine or pod went away, or it was killed",
    SKIPPED: "was skipped, because the previous attempt was running",
    STUCK: "did not end in time, and was stopped",
    INTERRUPTED: "was interrupted",
    REFUSED: "could not start: wrong usage or configuration",
}
"""The outcomes of an attempt. Only one that ended can have another verdict than UNKNOWN."""

_OF_FLEETS = ("target", "figures")  # left out where there are none


@dataclass(frozen=True)
class Attempt:
    job: str
    name: str  # unique in its job; begins with its start time
    began: datetime
    every_s: float | None = None  # interval of the job; None if not known
    kept_s: float | None = None  # retention of attempts in the archive; None for no limit
    ended: datetime | None = None
    how: str = RUNNING
    verdict: Verdict = Verdict.UNKNOWN
    exit_code: int | None = None
    detail: str = ""  # why, in one line
    missed: str = ""  # attempts before this one that were missed, died or changed, in one line
    runs: tuple[str, ...] = ()  # names of its run directories
    troubles: tuple[str, ...] = ()  # problems with archiving and notifying; they do not change the verdict
    target: str = ""  # which data of a fleet were proved, see `fleet.definition.Target.identity`
    figures: Mapping[str, float] = field(default_factory=dict)  # rto_s and rpo_s, if measured
    after: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of the files of those before it

    @property
    def file(self) -> str:
        return f"{self.name}.json"

    @property
    def order(self) -> tuple[datetime, str]:
        """The sort key, oldest first: names alone are random for two that began in the same second."""
        return self.began, self.name


def begin(job: str, every: timedelta | None, kept: timedelta | None = None) -> Attempt:
    began = datetime.now(UTC)
    every_s, kept_s = (span.total_seconds() if span else None for span in (every, kept))
    return Attempt(job, f"{stamp(began)}-{secrets.token_hex(3)}", began, every_s, kept_s)


def stamp(moment: datetime) -> str:
    """How the names of attempts that began in that second begin; sorts by time."""
    return moment.strftime("%Y%m%dT%H%M%SZ")


def overdue(before: Iterable[Attempt], every: timedelta | None, now: datetime) -> str:
    """What was missed until `now`, in one line; "" if the last attempt is not too old, or there was none."""
    ago = now - (last_began(before, now) or now)
    late = durations.overdue(ago, every)
    missed = round(ago / every) - 1 if every and late else 0
    return f"{late}: {plural(missed, 'attempt')} missed" if missed else late


def ahead(attempt: Attempt, now: datetime) -> bool:
    """Whether it lies in the future: pods of a job run on many nodes, each with its own clock."""
    return max(attempt.began, attempt.ended or attempt.began) > now + durations.CLOCK_SKEW


def last_began(attempts: Iterable[Attempt], now: datetime) -> datetime | None:
    """When a job last ran. Skipped attempts, and those in the future, do not count."""
    return max((each.began for each in attempts if each.how != SKIPPED and not ahead(each, now)), default=None)


def newest_ended(attempts: Iterable[Attempt]) -> Attempt | None:
    """The attempt that ended last, with any outcome; it sets the status of the job.

    One that follows another is newer, whatever their clocks say.
    """
    known = {each.file: each for each in attempts}
    ended = [each for each in known.values() if each.ended and each.how != SKIPPED]
    older: set[str] = set()
    left = [file for each in ended for file in each.after]
    while left:
        if (file := left.pop()) not in older:
            older.add(file)
            left += known[file].after if file in known else ()
    newest = [each for each in ended if each.file not in older]
    return max(newest, key=lambda each: (each.ended, each.order), default=None)


def interval(attempts: Iterable[Attempt]) -> timedelta | None:
    """The interval of a job, from its newest attempt; None if not known."""
    newest = max(attempts, key=lambda each: each.order, default=None)
    return timedelta(seconds=newest.every_s) if newest and newest.every_s else None


def standing(attempts: Sequence[Attempt], now: datetime, doubt: str = "") -> tuple[Verdict, str]:
    """The status of a job, and why: its last verdict; UNKNOWN at best if late, in doubt, or ended in the future."""
    last = newest_ended(attempts)
    late = overdue(attempts, interval(attempts), now)
    if last and ahead(last, now):
        late = f"its newest attempt ended in the future ({last.ended:%Y-%m-%d %H:%M}); check the clock"
    why = "; ".join(filter(None, (late or _ended(last), doubt)))
    return worst((last.verdict if last else Verdict.UNKNOWN, *([Verdict.UNKNOWN] if late or doubt else []))), why


def _ended(last: Attempt | None) -> str:
    if last is None:
        return "no attempt has ended yet"
    how = f" with {last.verdict.name}" if last.how == ENDED else f": it {HOW[last.how]}"
    return f"last ended {last.ended:%Y-%m-%d %H:%M}{how}"


def document(attempt: Attempt) -> dict[str, Json]:
    plain = {name: value for name, value in vars(attempt).items() if name not in {"name", "after", *_OF_FLEETS}}
    plain |= {name: value for name in _OF_FLEETS if (value := getattr(attempt, name))}
    moments = {"began": attempt.began.isoformat(), "ended": attempt.ended.isoformat() if attempt.ended else None}
    return {"schema": 1, **plain, "attempt": attempt.name, "verdict": attempt.verdict.value, **moments}


def parse(document: Mapping[str, Json]) -> Attempt:
    """An attempt from its JSON. ValueError if it is invalid."""
    try:
        ended, exit_code = text(document, "ended"), number(document, "exit_code")
        attempt = Attempt(
            job=text(document["job"]),
            name=text(document["attempt"]),
            began=datetime.fromisoformat(text(document["began"])).astimezone(UTC),
            every_s=number(document, "every_s"),
            kept_s=number(document, "kept_s"),
            ended=datetime.fromisoformat(ended).astimezone(UTC) if ended else None,
            how=text(document["how"]),
            verdict=Verdict(document["verdict"]),
            exit_code=None if exit_code is None else int(exit_code),
            detail=text(document, "detail"),
            missed=text(document, "missed"),
            runs=tuple(map(text, items(document, "runs"))),
            troubles=tuple(map(text, items(document, "troubles"))),
            target=text(document, "target"),
            figures=numbers(document.get("figures")),
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise ValueError(f"is not a valid attempt: {error}") from error
    if attempt.how not in HOW or (attempt.how != ENDED and attempt.verdict is not Verdict.UNKNOWN):
        raise ValueError(f"is not a valid attempt: verdict {attempt.verdict.value} of one that {attempt.how!r}")
    return attempt
