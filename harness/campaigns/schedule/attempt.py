"""Attempts of a job: each time that it ran, or should have. Here is seen what overlapped, was missed, or got stuck."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from harness.core import durations
from harness.core.json import items, number, text
from harness.core.model import Json, Verdict, worst
from harness.core.text import plural

RUNNING, ENDED, DIED, SKIPPED = "running", "ended", "died", "skipped"
STUCK, INTERRUPTED, REFUSED = "stuck", "interrupted", "refused"
HOW = {
    RUNNING: "is under way",
    ENDED: "came to its end",
    DIED: "died without a word: its machine or its pod went away, or it was killed",
    SKIPPED: "did not run, since the one before was still under way",
    STUCK: "did not end in time, and was stopped",
    INTERRUPTED: "was stopped from outside",
    REFUSED: "could not begin: wrong usage or configuration",
}
"""How an attempt may be found, and what it means. Only of one that ended the verdict can be another than UNKNOWN."""

_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Attempt:
    """One time that a job ran, or should have."""

    job: str
    name: str  # unique in its job; begins with the second in which it began
    began: datetime
    every_s: float | None = None  # how often it is to run; None if nobody said
    kept_s: float | None = None  # for how long the archive keeps attempts; None for ever
    ended: datetime | None = None
    how: str = RUNNING
    verdict: Verdict = Verdict.UNKNOWN
    exit_code: int | None = None
    detail: str = ""  # why, in one line
    missed: str = ""  # what did not run before this one, or is not what was written of it, in one line
    runs: tuple[str, ...] = ()  # the names of the run directories that it left
    troubles: tuple[str, ...] = ()  # what went wrong with keeping and telling; none of it changes the verdict
    after: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of the files of those before it, see `chain`

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.json"

    @property
    def order(self) -> tuple[datetime, str]:
        """What attempts sort by, oldest first: names alone would toss a coin for two that began in one second."""
        return self.began, self.name


def begin(job: str, every: timedelta | None, kept: timedelta | None = None) -> Attempt:
    """A new attempt, from now on."""
    began = datetime.now(UTC)
    every_s, kept_s = (span.total_seconds() if span else None for span in (every, kept))
    return Attempt(job, f"{stamp(began)}-{secrets.token_hex(3)}", began, every_s, kept_s)


def stamp(moment: datetime) -> str:
    """What the names of all attempts begin with that began in that second; sorts by time."""
    return moment.strftime(_STAMP)


def overdue(before: Iterable[Attempt], every: timedelta | None, now: datetime) -> str:
    """What was missed until `now`, in a line; "" where the last attempt is not too old, or there never was one."""
    ago = now - (last_began(before, now) or now)
    late = durations.overdue(ago, every)
    missed = round(ago / every) - 1 if every and late else 0
    return f"{late}: {plural(missed, 'attempt')} missed" if missed else late


def ahead(attempt: Attempt, now: datetime) -> bool:
    """Whether it says of itself what is yet to come: pods of a job run on many nodes, each with a clock of its own."""
    return max(attempt.began, attempt.ended or attempt.began) > now + durations.CLOCK_SKEW


def last_began(attempts: Iterable[Attempt], now: datetime) -> datetime | None:
    """When a job last ran, by a clock that can be believed; one that was skipped did not."""
    return max((each.began for each in attempts if each.how != SKIPPED and not ahead(each, now)), default=None)


def newest_ended(attempts: Iterable[Attempt]) -> Attempt | None:
    """The one that ended last, however it ended; it speaks for the job.

    Whatever their clocks say, one that follows another is the newer.
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
    """How often a job is to run, by its newest attempt; None if nobody said."""
    newest = max(attempts, key=lambda each: each.order, default=None)
    return timedelta(seconds=newest.every_s) if newest and newest.every_s else None


def standing(attempts: Sequence[Attempt], now: datetime, doubt: str = "") -> tuple[Verdict, str]:
    """What a job is worth now, and why: the verdict that ended last; UNKNOWN at best if it is overdue, or in doubt.

    In doubt it is, too, where nothing yet followed one that ended by a clock that is ahead.
    """
    last = newest_ended(attempts)
    late = overdue(attempts, interval(attempts), now)
    if last and ahead(last, now):
        late = f"its newest attempt says that it ended {last.ended:%Y-%m-%d %H:%M}, which is yet to come"
    why = "; ".join(filter(None, (late or _ended(last), doubt)))
    return worst((last.verdict if last else Verdict.UNKNOWN, *([Verdict.UNKNOWN] if late or doubt else []))), why


def _ended(last: Attempt | None) -> str:
    if last is None:
        return "no attempt has ended yet"
    how = f" with {last.verdict.name}" if last.how == ENDED else f": it {HOW[last.how]}"
    return f"last ended {last.ended:%Y-%m-%d %H:%M}{how}"


def document(attempt: Attempt) -> dict[str, Json]:
    """It as JSON."""
    return {
        "schema": 1,
        "job": attempt.job,
        "attempt": attempt.name,
        "began": attempt.began.isoformat(),
        "ended": attempt.ended.isoformat() if attempt.ended else None,
        "every_s": attempt.every_s,
        "kept_s": attempt.kept_s,
        "how": attempt.how,
        "verdict": attempt.verdict.value,
        "exit_code": attempt.exit_code,
        "detail": attempt.detail,
        "missed": attempt.missed,
        "runs": list(attempt.runs),
        "troubles": list(attempt.troubles),
    }


def parse(told: Mapping[str, Json]) -> Attempt:
    """What `document` made. ValueError if it did not."""
    try:
        ended, exit_code = text(told, "ended"), number(told, "exit_code")
        attempt = Attempt(
            job=text(told["job"]),
            name=text(told["attempt"]),
            began=datetime.fromisoformat(text(told["began"])).astimezone(UTC),
            every_s=number(told, "every_s"),
            kept_s=number(told, "kept_s"),
            ended=datetime.fromisoformat(ended).astimezone(UTC) if ended else None,
            how=text(told["how"]),
            verdict=Verdict(told["verdict"]),
            exit_code=None if exit_code is None else int(exit_code),
            detail=text(told, "detail"),
            missed=text(told, "missed"),
            runs=tuple(map(text, items(told, "runs"))),
            troubles=tuple(map(text, items(told, "troubles"))),
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise ValueError(f"is no attempt of a job: {error}") from error
    if attempt.how not in HOW or (attempt.how != ENDED and attempt.verdict is not Verdict.UNKNOWN):
        raise ValueError(f"is no attempt of a job: {attempt.verdict.value} of one that {attempt.how!r}")
    return attempt
