"""Durations as a user writes them: `90d`, `6h`, `1w`."""

import re
from datetime import timedelta

from harness.core.errors import Misconfigured
from harness.core.text import plural

OVERDUE_AFTER = 1.5  # so many intervals after its last run a scheduled job is overdue
CLOCK_SKEW = timedelta(hours=1)  # a time that is further in the future than this comes from a wrong clock
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=3650)


def parse(option: str, word: str) -> timedelta:
    """A duration. Misconfigured if `word` is not one, or is too long."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", word)
    span = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < span <= LONGEST:
        units = ", ".join(f"{unit} ({name})" for unit, name in UNITS.items())
        raise Misconfigured(f"{option} {word!r} is not a duration; write a number and one of {units}: 90d, 6h")
    return span


def humanize(span: timedelta) -> str:
    """A duration for people, in the unit that matters: `16 days`, `7 hours`."""
    for unit, name in (("days", "day"), ("hours", "hour"), ("minutes", "minute")):
        size = timedelta(**{unit: 1})
        if span >= 2 * size or span == size:
            return plural(round(span / size), name)
    return plural(round(span.total_seconds()), "second")


def overdue(ago: timedelta, every: timedelta | None) -> str:
    """A sentence if something that runs `every` so often last ran too long `ago`; else ""."""
    late = every is not None and ago > OVERDUE_AFTER * every
    return f"last ran {humanize(ago)} ago, expected every {humanize(every)}" if every and late else ""


def compact(span: timedelta) -> str:
    """As `parse` reads it, in the largest unit that it fills; whole minutes."""
    minutes = round(span / timedelta(minutes=1))
    unit, size = next((unit, size) for unit, size in (("d", 1440), ("h", 60), ("m", 1)) if minutes % size == 0)
    return f"{minutes // size}{unit}"
