"""Attempts of a job: each time that it ran, or should have. Here is seen what overlapped, was missed, or got stuck."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.errors import Misconfigured, Unreadable
from harness.evidence.story import items, number, text
from harness.evidence.visible import many
from harness.model import Json, Verdict
from harness.rundir import read_json, write_json
from harness.unattended import span

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

LATE = 1.5
"""So many intervals after the last one began a job is overdue."""

_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Attempt:
    """One time that a job ran, or should have."""

    job: str
    name: str  # unique in its job; sorts by time
    began: datetime
    every_s: float | None = None  # how often it is to run; None if nobody said
    ended: datetime | None = None
    how: str = RUNNING
    verdict: Verdict = Verdict.UNKNOWN
    exit_code: int | None = None
    detail: str = ""  # why, in one line
    missed: str = ""  # what did not run before this one, in one line
    runs: tuple[str, ...] = ()  # the names of the run directories that it left
    troubles: tuple[str, ...] = ()  # what went wrong with keeping and telling; none of it changes the verdict


def begin(job: str, every: timedelta | None) -> Attempt:
    """A new attempt, from now on."""
    began = datetime.now(UTC).replace(microsecond=0)
    name = f"{began.strftime(_STAMP)}-{secrets.token_hex(3)}"
    return Attempt(job, name, began, every.total_seconds() if every else None)


def overdue(before: Iterable[Attempt], every: timedelta | None, now: datetime) -> str:
    """What was missed until `now`, in a line; "" where the last attempt is not too old, or there never was one."""
    ran = [each.began for each in before if each.how != SKIPPED]
    ago = now - max(ran, default=now)
    if not every or ago <= LATE * every:
        return ""
    missed = round(ago / every) - 1
    how_many = f": {many(missed, 'attempt')} missed" if missed else ""
    return f"last ran {span.words(ago)} ago, expected every {span.words(every)}{how_many}"


def newest_ended(attempts: Iterable[Attempt]) -> Attempt | None:
    """The one that ended last, however it ended; it speaks for the job."""
    ended = [each for each in attempts if each.ended and each.how != SKIPPED]
    return max(ended, key=lambda each: (each.ended, each.name), default=None)


def document(attempt: Attempt) -> dict[str, Json]:
    """It as JSON."""
    return {
        "schema": 1,
        "job": attempt.job,
        "attempt": attempt.name,
        "began": attempt.began.isoformat(),
        "ended": attempt.ended.isoformat() if attempt.ended else None,
        "every_s": attempt.every_s,
        "how": attempt.how,
        "verdict": attempt.verdict.value,
        "exit_code": attempt.exit_code,
        "detail": attempt.detail,
        "missed": attempt.missed,
        "runs": list(attempt.runs),
        "troubles": list(attempt.troubles),
    }


def parse(told: Mapping[str, Json], path: Path) -> Attempt:
    """What `document` made. Unreadable if it did not."""
    try:
        ended, exit_code = text(told.get("ended")), number(told.get("exit_code"))
        attempt = Attempt(
            job=text(told["job"]),
            name=text(told["attempt"]),
            began=datetime.fromisoformat(text(told["began"])).astimezone(UTC),
            every_s=number(told.get("every_s")),
            ended=datetime.fromisoformat(ended).astimezone(UTC) if ended else None,
            how=text(told["how"]),
            verdict=Verdict(told["verdict"]),
            exit_code=None if exit_code is None else int(exit_code),
            detail=text(told.get("detail")),
            missed=text(told.get("missed")),
            runs=tuple(map(text, items(told.get("runs")))),
            troubles=tuple(map(text, items(told.get("troubles")))),
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise Unreadable(path, 0, f"is no attempt of a job: {error}") from error
    if attempt.how not in HOW or (attempt.how != ENDED and attempt.verdict is not Verdict.UNKNOWN):
        raise Unreadable(path, 0, f"is no attempt of a job: {attempt.verdict.value} of one that {attempt.how!r}")
    return attempt


def save(folder: Path, attempt: Attempt) -> None:
    """Write it into a folder, in place of what was known of it. Misconfigured if that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{attempt.name}.json", document(attempt))
    except OSError as error:
        raise Misconfigured(f"cannot write {folder}: {error.strerror}; choose another place with --folder") from error


def saved(folder: Path) -> tuple[Attempt, ...]:
    """All attempts in a folder, oldest first. Unreadable names a file that holds none."""
    return tuple(parse(read_json(path), path) for path in sorted(folder.glob("[!.]*.json")))
