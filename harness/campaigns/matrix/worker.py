"""One worker of a matrix: drills cell after cell on its own cluster, in parallel with other workers.

Workers share the folder of the matrix and nothing else. A lock on a file claims a cell; the system releases it when the
worker ends, however it ends. Each finished cell has a file with its run, so an interrupted matrix continues there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.campaigns.matrix.plan import Cell, Plan
from harness.clusters.lock import Lock
from harness.core.errors import Misconfigured
from harness.evidence import run_directory
from harness.reports import RunView

RUNS = "runs"
CELLS = "cells"


def drill(folder: Path, planned: Plan, position: tuple[int, int], one: Callable[[Cell], RunView]) -> None:
    """Drill every cell that no other worker has; `position` is which worker of how many, from 0. `one` drills one."""
    for cell in _in_order(planned.cells, *position):
        claim = Lock(folder / CELLS / f"{cell.number}.lock")
        try:
            claim.acquire(f"cell {cell.number}")
        except Misconfigured:  # another worker has it
            continue
        try:
            if run_of(folder, cell) is None:
                run_directory.write_json(folder / CELLS / f"{cell.number}.json", {"run": one(cell).run.name})
        finally:
            claim.release()


def run_of(folder: Path, cell: Cell) -> Path | None:
    """The run directory of a finished cell; None if it is not finished."""
    file = folder / CELLS / f"{cell.number}.json"
    if not file.exists():
        return None
    return folder / RUNS / Path(str(run_directory.read_json(file).get("run"))).name


def _in_order(cells: tuple[Cell, ...], worker: int, workers: int) -> tuple[Cell, ...]:
    # Each worker starts at a place of its own, so that cells with similar stores stay with one worker.
    start = len(cells) * worker // workers
    return cells[start:] + cells[:start]
