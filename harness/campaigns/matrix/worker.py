"""One lane of a matrix: drills one cell after another on a cluster of its own, beside other lanes.

Lanes share nothing but the matrix' folder. A cell is claimed by a lock on a file, which the system drops when its
lane ends, however it ends; what a cell came to is in a file of its own, so a matrix that was killed goes on where it
was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.campaigns.matrix.plan import Cell, Plan
from harness.clusters.lock import Lock
from harness.core.errors import Misconfigured
from harness.evidence import run_directory
from harness.reports import Story

RUNS = "runs"
CELLS = "cells"


def drill(folder: Path, planned: Plan, lane: tuple[int, int], one: Callable[[Cell], Story]) -> None:
    """Drill every cell that no other lane has; `lane` is which of how many, from 0. `one` drills one."""
    for cell in _from_its_place(planned.cells, *lane):
        claim = Lock(folder / CELLS / f"{cell.number}.lock")
        try:
            claim.acquire(f"cell {cell.number}")
        except Misconfigured:  # another lane has it
            continue
        try:
            if run_of(folder, cell) is None:
                run_directory.write_json(folder / CELLS / f"{cell.number}.json", {"run": one(cell).run.name})
        finally:
            claim.release()


def run_of(folder: Path, cell: Cell) -> Path | None:
    """The run directory of a cell that was drilled to its end; None if it was not yet."""
    file = folder / CELLS / f"{cell.number}.json"
    if not file.exists():
        return None
    return folder / RUNS / Path(str(run_directory.read_json(file).get("run"))).name


def _from_its_place(cells: tuple[Cell, ...], lane: int, lanes: int) -> tuple[Cell, ...]:
    # Each lane begins at a place of its own, so that cells which are drilled on like stores stay with one lane.
    start = len(cells) * lane // lanes
    return cells[start:] + cells[:start]
