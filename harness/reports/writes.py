"""Each store's writes over time, as columns: kept, lost, written after the restore, not acknowledged."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.core.errors import Unreadable
from harness.core.json import mapping, number
from harness.evidence.ledger import ACKNOWLEDGED, Attempt, read_attempts
from harness.evidence.run_view import RunView
from harness.reports.texts import WRITE_MARKS, WRITES

COLUMNS = 60


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
