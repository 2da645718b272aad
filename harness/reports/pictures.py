"""The pictures of a report: its steps and marks as bars over time, and each store's writes as columns.

The bars show what tools report next to what was read; the columns what was kept, lost, written after the restore, or
not acknowledged.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harness.core.errors import Unreadable
from harness.core.json import mapping, number, text
from harness.core.model import Event
from harness.evidence.ledger import ACKNOWLEDGED, Attempt, read_attempts
from harness.evidence.run_view import RunView
from harness.reports.texts import BARS, WRITE_MARKS, WRITES

_STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 5
COLUMNS = 60


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


@dataclass(frozen=True)
class Block:
    """The writes of one kind in one column, in percent of the figure."""

    kind: str
    left: float
    width: float
    top: float
    height: float


@dataclass(frozen=True)
class Plot:
    """One store's figure. All stores share the time axis; each has its own scale."""

    store: str
    blocks: tuple[Block, ...]
    counts: Mapping[str, int]  # by kind
    most: int  # writes in the highest column
    column_s: float  # what one column spans
    problem: str = ""  # why there is no figure


def writes(view: RunView) -> tuple[list[Plot], list[tuple[str, str, float]]]:
    """The figures of all stores, and the marks on their time axis: name, meaning, percent from the left.

    A ledger that cannot be read has its problem instead of a figure.

    A write before the judged recovery point is drawn as kept; the ledger's table has those that were lost nevertheless.
    """
    read: dict[str, Counter[tuple[int, str]] | str] = {store: _read(view, store) for store in view.members}
    seconds = [at_s for each in read.values() if isinstance(each, Counter) for at_s, _ in each]
    if not seconds:
        return [Plot(store, (), {}, 0, 0, str(why)) for store, why in read.items()], []
    start, end = min(seconds), max(seconds) + 1
    column_s = -(-(end - start) // COLUMNS)
    length_s = column_s * -(-(end - start) // column_s)
    at = {name: (view.marks[name] - start) / length_s for name in WRITE_MARKS if name in view.marks}
    marks = [(name, WRITE_MARKS[name], round(100 * left, 2)) for name, left in at.items() if 0 <= left <= 1]
    return [_plot(store, each, start, length_s, column_s) for store, each in read.items()], marks


def _read(view: RunView, store: str) -> Counter[tuple[int, str]] | str:
    """How many writes of each kind were sent in each second; or why that is unknown."""
    path = view.run / "ledger" / f"{store}.jsonl"
    judged = mapping(view.judged.get("ledger"), store)
    point = number(judged, "recovery_point_n")
    if path.parent != view.run / "ledger":
        return "is not the name of a store"
    if point is None:
        return "its recovery point was not judged"
    restore_s = view.marks.get("T4", math.inf)
    try:
        return _counted(read_attempts(path), point, restore_s) or "nothing was written"
    except Unreadable as error:
        return str(error).replace(f"{path.parent}/", "")


def _counted(attempts: Iterable[Attempt], point: float, restore_s: float) -> Counter[tuple[int, str]]:
    counts: Counter[tuple[int, str]] = Counter()
    for n, _, _, _, _, attempted_s, answer, _ in attempts:
        if answer != ACKNOWLEDGED:
            kind = "unsure"
        elif attempted_s >= restore_s:
            kind = "later"
        else:
            kind = "kept" if n <= point else "lost"
        counts[int(attempted_s), kind] += 1
    return counts


def _plot(store: str, read: Counter[tuple[int, str]] | str, start: int, length_s: int, column_s: int) -> Plot:
    if isinstance(read, str):
        return Plot(store, (), {}, 0, column_s, read)
    columns: dict[int, Counter[str]] = {}
    for (at_s, kind), count in read.items():
        columns.setdefault((at_s - start) // column_s, Counter())[kind] += count
    most = max(column.total() for column in columns.values())
    width = 100 * column_s / length_s
    blocks = []
    for place, column in sorted(columns.items()):
        top = 100.0
        for kind in WRITES:
            if column[kind]:
                height = 100 * column[kind] / most
                top -= height
                blocks.append(Block(kind, *(round(part, 2) for part in (place * width, width, top, height))))
    counts: Counter[str] = sum(columns.values(), Counter())
    return Plot(store, tuple(blocks), {kind: counts[kind] for kind in WRITES}, most, column_s)
