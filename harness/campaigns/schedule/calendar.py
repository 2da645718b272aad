"""When a job runs: a systemd calendar expression, or a cron line; and the interval, to detect missed runs.

The cron parser is our own, because the lines are for a CronJob: Kubernetes reads them with robfig/cron. The kept Python
parsers (cronsim, croniter) accept what that refuses (weekday 7, L, #, seconds) and treat `*/2` differently where day
and weekday are both given, so their interval would be wrong.
"""

import itertools
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from harness.core.errors import Misconfigured, ToolFailed
from harness.core.process import run

CRON = {"hourly": "23 * * * *", "daily": "23 3 * * *", "weekly": "23 3 * * 1", "monthly": "23 3 1 * *"}
"""Words for a cron line: at night, and not at the full hour, when most other jobs start."""

_SYSTEMD = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(days=7)}
"""The intervals of these words, for machines without systemd."""

_ELAPSES = re.compile(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")
_ITERATIONS = 24
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True)
class Calendar:
    """When a job runs, and the longest time between two runs."""

    words: str
    every: timedelta


def systemd(words: str) -> Calendar:
    """A systemd calendar expression. Misconfigured if it is invalid, or cannot be checked here."""
    if not shutil.which("systemd-analyze"):
        if words not in _SYSTEMD:
            known = ", ".join(_SYSTEMD)
            raise Misconfigured(
                f"--every {words!r} needs systemd-analyze to be checked; without it, use one of: {known}"
            )
        return Calendar(words, _SYSTEMD[words])
    try:
        output = run(
            ["systemd-analyze", "calendar", f"--iterations={_ITERATIONS}", "--", words],
            env={"TZ": "UTC", "LC_ALL": "C"},
        ).stdout
    except ToolFailed as error:
        example = "daily, weekly, 'Mon *-*-* 03:00'"
        raise Misconfigured(f"--every {words!r} is no systemd calendar expression; examples: {example}") from error
    moments = [datetime.fromisoformat(found).replace(tzinfo=UTC) for found in _ELAPSES.findall(output)]
    if len(moments) < 2:  # noqa: PLR2004 # what elapses once is no schedule
        raise Misconfigured(f"--every {words!r} does not repeat; examples: daily, weekly, 'Mon 03:00'")
    return Calendar(words, max(later - before for before, later in itertools.pairwise(moments)))


def cron(words: str) -> Calendar:
    """A cron line as a CronJob takes it, or a word for one. Misconfigured if it is invalid, or does not repeat."""
    line = CRON.get(words, words)
    fields = line.split()
    if len(fields) != 5:  # noqa: PLR2004 # a cron line has so many
        raise Misconfigured(
            f"--every {words!r}: use {', '.join(CRON)}, or a cron line: 'MINUTE HOUR DAY MONTH WEEKDAY'"
        )
    minutes, hours, days = (_field(words, *each) for each in zip(fields[:3], (0, 0, 1), (59, 23, 31), strict=True))
    months, weekdays = _field(words, fields[3], 1, 12, _MONTHS), _field(words, fields[4], 0, 6, _DAYS)
    either = not _is_star(fields[2]) and not _is_star(fields[4])

    def is_on(day: date) -> bool:
        on_day, on_weekday = day.day in days, day.isoweekday() % 7 in weekdays
        return day.month in months and (on_day or on_weekday if either else on_day and on_weekday)

    first = date(2024, 1, 1)
    found = [day for day in (first + timedelta(days=n) for n in range(4 * 366)) if is_on(day)]
    times = sorted(timedelta(hours=hour, minutes=minute) for hour in hours for minute in minutes)
    if len(found) < 2:  # noqa: PLR2004 # what comes once is no schedule
        raise Misconfigured(f"--every {words!r} does not repeat within four years; correct the cron line")
    over_night = max(later - before for before, later in itertools.pairwise(found)) - times[-1] + times[0]
    return Calendar(line, max([over_night, *(later - before for before, later in itertools.pairwise(times))]))


def _is_star(field: str) -> bool:
    """Whether robfig/cron takes a day field as unrestricted: `*` and `*/1` are, `*/2` is not."""
    return any(re.fullmatch(r"\*(/0?1)?", part) for part in field.split(","))


def _field(line: str, field: str, low: int, high: int, names: Sequence[str] = ()) -> frozenset[int]:
    found: set[int] = set()
    for part in field.lower().split(","):
        parsed = re.fullmatch(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d{1,2}))?", part)
        step = int(parsed[4] or 1) if parsed else 0
        if not parsed or not step:
            raise Misconfigured(f"--every {line!r}: {field!r} is no field of a cron line")
        first = low if parsed[1] == "*" else _number(line, parsed[2], low, names)
        to_the_end = parsed[1] == "*" or (parsed[4] and not parsed[3])
        last = high if to_the_end else _number(line, parsed[3] or parsed[2], low, names)
        if not low <= first <= last <= high:
            raise Misconfigured(f"--every {line!r}: {part!r} is not within {low} to {high}")
        found |= set(range(first, last + 1, step))
    return frozenset(found)


def _number(line: str, word: str, low: int, names: Sequence[str]) -> int:
    if word in names:
        return names.index(word) + low
    if not word.isdecimal():
        raise Misconfigured(f"--every {line!r}: {word!r} is no number")
    return int(word)
