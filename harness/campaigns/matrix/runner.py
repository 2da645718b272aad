"""A whole matrix: its workers, and the table of their results.

Workers share the folder of the matrix and nothing else. A lock on a file claims a cell; the system releases it when the
worker ends, however it ends. Each finished cell has a file with its run, so an interrupted matrix continues there.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from harness.campaigns.matrix import page as pages
from harness.campaigns.matrix import plan
from harness.campaigns.matrix.plan import Cell, Plan
from harness.campaigns.matrix.results import Row, drilled, rows
from harness.clusters.lock import Lock
from harness.core import paths, process
from harness.core.errors import HarnessError
from harness.evidence import run_directory
from harness.reports import RunView
from harness.workflows.progress import Progress
from harness.workflows.runner import execute

RUNS = "runs"
CELLS = "cells"

WITHIN_S = 24 * 3600.0  # for the other workers to end once the first has nothing left to do
GRACE_S = 180.0  # for a worker that must stop: it deletes its cluster


def begin(home: Path, planned: Plan) -> Path:
    folder = home / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    with paths.writing(folder, "--into"):
        (folder / CELLS).mkdir(parents=True)
        (folder / RUNS).mkdir()
    plan.write(folder, planned)
    return folder


def drill(
    folder: Path,
    planned: Plan,
    position: tuple[int, int],
    cluster: str,
    watch: Callable[[], AbstractContextManager[Progress]],
) -> None:
    """Drill the cells that no other worker drills, on one cluster; `position` is which worker of how many, from 0."""
    # They load every client library, which only a real drill needs.
    from harness.selftest.runner import in_memory_self_test  # noqa: PLC0415
    from harness.workflows.drill import assembly  # noqa: PLC0415

    with assembly.DrillSession(in_memory_self_test) as site:

        def one(cell: Cell) -> RunView:
            with watch() as progress:
                view = execute(planned.options(cell, folder / RUNS, cluster), progress, site)
                progress.say(f"{view.verdict.name} {cell.scenario} ({cell.strategy}, {cell.made_with}): {view.run}")
            return view

        drill_cells(folder, planned, position, one)


def drill_cells(folder: Path, planned: Plan, position: tuple[int, int], one: Callable[[Cell], RunView]) -> None:
    """Drill every cell that no other worker has; `position` is which worker of how many, from 0. `one` drills one."""
    worker, workers = position
    start = len(planned.cells) * worker // workers  # of its own, so that cells with similar stores stay with one worker
    for cell in planned.cells[start:] + planned.cells[:start]:
        claim = Lock(folder / CELLS / f"{cell.number}.lock")
        if not claim.try_acquire():  # another worker has it
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


@contextlib.contextmanager
def other_workers(folder: Path, workers: int, cluster: str) -> Iterator[Callable[[], None]]:
    """Run all workers but the first, each a process with its own cluster; yields a function that waits for them.

    If the block ends before that, they are stopped, and may still delete their clusters.
    """
    with contextlib.ExitStack() as stack:
        processes = []
        for number in range(1, workers):
            log = stack.enter_context((folder / f"worker-{number}.log").open("ab"))
            command = [sys.executable, "-m", "harness.cli", "matrix", "--resume", str(folder)]
            own = [f"--worker={number}", f"--workers={workers}", f"--cluster={cluster}-{number}"]
            other = process.spawn([*command, *own], output=log, grace_s=GRACE_S, apart=True)
            processes.append(stack.enter_context(other))

        def wait() -> None:
            for each in processes:
                each.wait(WITHIN_S)

        yield wait


def table(folder: Path, planned: Plan) -> tuple[tuple[Row, ...], int]:
    """The results of the cells that were drilled, and the number of those that were not; also written as pages."""
    runs = [run_of(folder, cell) for cell in planned.cells]
    found = rows(drilled(run) for run in runs if run is not None)
    missing = runs.count(None)
    try:
        pages.write(folder, found, planned.left_out, missing)
    except OSError as error:
        raise HarnessError(f"cannot write the matrix into {folder}: {error.strerror}") from error
    return found, missing
