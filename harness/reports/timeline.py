"""A run's steps, and its marks as bars over time: what tools report next to what was read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.core.json import text
from harness.core.model import Event
from harness.evidence.run_view import RunView
from harness.reports.texts import BARS

_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 5


@dataclass(frozen=True)
class Bar:
    """One leg. `left` and `width` are percent of the axis; `seconds` is None if the leg never ended."""

    label: str
    marks: str
    kind: str  # before, damage, rto, claim, seen
    left: float
    width: float
    seconds: float | None


@dataclass(frozen=True)
class Timeline:
    """The contents of the figure, from T0 (or the first mark) to the last mark."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]  # percent from the left, and label
    too_early_s: float | None  # from the tool's "Completed" to the end of reading back


@dataclass(frozen=True)
class Step:
    """One step that started. `end` is the event of its end or of its failure; None if it has neither."""

    name: str
    start: Event
    end: Event | None = None

    @property
    def how(self) -> str:
        """How it ended: done, failed, did not end."""
        if self.end is None:
            return "did not end"
        return "done" if self.end.data.get("phase") == "end" else "failed"

    @property
    def detail(self) -> str:
        return "" if self.end is None else text(self.end.data, "detail")

    @property
    def took_s(self) -> float | None:
        return None if self.end is None else self.end.at_s - self.start.at_s


def steps(view: RunView) -> tuple[Step, ...]:
    begun: dict[str, Step] = {}
    for event in view.of("step"):
        name = text(event.data, "step")
        if event.data.get("phase") == "start":
            begun[name] = Step(name, event)
        elif name in begun:
            begun[name] = replace(begun[name], end=event)
    return tuple(begun.values())


def timeline(marks: Mapping[str, float]) -> Timeline | None:
    """The layout of the marks; None with fewer than two."""
    if len(marks) < 2:  # noqa: PLR2004 # a leg has two ends
        return None
    start, end = min(marks.values()), max(marks.values())
    length = max(end - start, 0.001)

    def percent(at_s: float) -> float:
        return round((at_s - start) / length * 100, 3)

    bars = []
    for label, (first, last, kind) in BARS.items():
        if first not in marks:
            continue
        left = percent(marks[first])
        reached = last in marks
        right = percent(marks[last]) if reached else 100.0
        seconds = marks[last] - marks[first] if reached else None
        bars.append(Bar(label, f"{first} → {last}", kind, left, max(right - left, 0.4), seconds))
    step_s = next((step for step in _STEPS_S if length / step <= _MOST_TICKS), _STEPS_S[-1])
    tick_s = [n * step_s for n in range(int(length / step_s) + 1)]
    minutes = length >= 100  # noqa: PLR2004 # as in `core.text.duration`
    labels = [f"{at // 60}:{at % 60:02d}" if minutes else f"{at} s" for at in tick_s]
    ticks = tuple((percent(start + at), label) for at, label in zip(tick_s, labels, strict=True))
    early = marks["T9"] - marks["T5"] if {"T5", "T9"} <= marks.keys() else None
    return Timeline(tuple(bars), ticks, early)
