"""When a job runs: calendar words of systemd, or a line of cron; and how often that is, so that a miss is seen."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from harness.core.errors import Misconfigured, ToolFailed
from harness.core.process import run

CRON = {"hourly": "23 * * * *", "daily": "23 3 * * *", "weekly": "23 3 * * 1", "monthly": "23 3 1 * *"}
"""What words mean as a line of cron: at night, and not when all others begin."""

_SYSTEMD = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(days=7)}
"""How often these are, for where systemd cannot be asked."""

_ELAPSES = re.compile(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")
_MOST = 24
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True)
class Calendar:
    """When, and how often: the longest time between two."""

    words: str
    every: timedelta


def systemd(words: str) -> Calendar:
    """Calendar words of systemd. Misconfigured if they are none, or it cannot be told."""
    if not shutil.which("systemd-analyze"):
        if words not in _SYSTEMD:
            known = ", ".join(_SYSTEMD)
            raise Misconfigured(f"--every {words!r} cannot be checked without systemd-analyze; here it may be: {known}")
        return Calendar(words, _SYSTEMD[words])
    try:
        told = run(
            ["systemd-analyze", "calendar", f"--iterations={_MOST}", "--", words], env={"TZ": "UTC", "LC_ALL": "C"}
        ).stdout
    except ToolFailed as error:
        example = "daily, weekly, 'Mon *-*-* 03:00'"
        raise Misconfigured(f"--every {words!r} are no calendar words of systemd; write as {example}") from error
    moments = [datetime.fromisoformat(found).replace(tzinfo=UTC) for found in _ELAPSES.findall(told)]
    if len(moments) < 2:  # noqa: PLR2004 # what elapses once is no schedule
        raise Misconfigured(f"--every {words!r} does not come again and again; write as daily, weekly, 'Mon 03:00'")
    return Calendar(words, max(later - before for before, later in itertools.pairwise(moments)))


def cron(words: str) -> Calendar:
    """A line of cron, as a CronJob takes it, or a word for one. Misconfigured if it is none, or never comes."""
    line = CRON.get(words, words)
    fields = line.split()
    if len(fields) != 5:  # noqa: PLR2004 # so many has a line of cron
        raise Misconfigured(
            f"--every {words!r}: write {', '.join(CRON)}, or a line of cron: 'MINUTE HOUR DAY MONTH WEEKDAY'"
        )
    minutes, hours, days = (_field(words, *each) for each in zip(fields[:3], (0, 0, 1), (59, 23, 31), strict=True))
    months, weekdays = _field(words, fields[3], 1, 12, _MONTHS), _field(words, fields[4], 0, 6, _DAYS)

    def is_on(day: date) -> bool:
        on_day, on_weekday = day.day in days, day.isoweekday() % 7 in weekdays
        either = not fields[2].startswith("*") and not fields[4].startswith("*")  # as cron has it, from the beginning
        return day.month in months and (on_day or on_weekday if either else on_day and on_weekday)

    first = date(2024, 1, 1)
    found = [day for day in (first + timedelta(days=n) for n in range(4 * 366)) if is_on(day)]
    times = sorted(timedelta(hours=hour, minutes=minute) for hour in hours for minute in minutes)
    if len(found) < 2:  # noqa: PLR2004 # what comes once is no schedule
        raise Misconfigured(f"--every {words!r} does not come again within four years; mend the line of cron")
    over_night = max(later - before for before, later in itertools.pairwise(found)) - times[-1] + times[0]
    return Calendar(line, max([over_night, *(later - before for before, later in itertools.pairwise(times))]))


def _field(line: str, field: str, low: int, high: int, names: Sequence[str] = ()) -> frozenset[int]:
    found: set[int] = set()
    for part in field.lower().split(","):
        parsed = re.fullmatch(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d{1,2}))?", part)
        step = int(parsed[4] or 1) if parsed else 0
        if not parsed or not step:
            raise Misconfigured(f"--every {line!r}: {field!r} is no field of a line of cron")
        first = low if parsed[1] == "*" else _number(line, parsed[2], low, names)
        to_the_end = parsed[1] == "*" or (parsed[4] and not parsed[3])
        last = high if to_the_end else _number(line, parsed[3] or parsed[2], low, names)
        if not low <= first <= last <= high:
            raise Misconfigured(f"--every {line!r}: {part!r} is not from {low} to {high}")
        found |= set(range(first, last + 1, step))
    return frozenset(found)


def _number(line: str, word: str, low: int, names: Sequence[str]) -> int:
    if word in names:
        return names.index(word) + low
    if not word.isdecimal():
        raise Misconfigured(f"--every {line!r}: {word!r} is no number")
    return int(word)
