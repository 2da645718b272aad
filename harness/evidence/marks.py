"""What the marks mean, and how RTO and RPO are computed from them. The one place of the definitions.

All figures are differences on the drill's monotonic clock. Every text of marks.toml is printed in every report.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.core.model import Event

_FILE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))

MARKS: Mapping[str, str] = _FILE["marks"]

LEGS: Mapping[str, list[str]] = _FILE["legs"]
"""The legs of a recovery: from which mark to which."""

DEFINITIONS: Mapping[str, str] = _FILE["definitions"]


def marks(events: Iterable[Event]) -> dict[str, float]:
    """When each mark was reached, in seconds; the first time counts, as a second one proves nothing."""
    seen: dict[str, float] = {}
    for event in events:
        name = event.data.get("mark")
        if event.kind == "mark" and isinstance(name, str) and name in MARKS:
            at_s = event.data.get("at_s")  # T2 is known only afterwards, so its event says when it was
            seen.setdefault(name, float(at_s) if isinstance(at_s, int | float) else event.at_s)
    return seen


def between(seen: Mapping[str, float], start: str, end: str) -> float | None:
    """Seconds from one mark to another; None if either was not reached."""
    if start not in seen or end not in seen:
        return None
    return round(seen[end] - seen[start], 3)


def legs(seen: Mapping[str, float]) -> dict[str, float | None]:
    """Every leg of the recovery in seconds; None where it was not finished."""
    return {name: between(seen, *ends) for name, ends in LEGS.items()}


def rto_s(seen: Mapping[str, float]) -> float | None:
    """T8 - T3 in seconds; None if the service never came back, or the damage was never seen."""
    return between(seen, "T3", "T8")
