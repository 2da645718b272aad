"""A whole matrix: its lanes, and the table that comes of them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from harness.campaigns.matrix import page as pages
from harness.campaigns.matrix import plan
from harness.campaigns.matrix import worker as lanes
from harness.campaigns.matrix.plan import Cell, Plan
from harness.campaigns.matrix.results import Row, drilled, rows
from harness.core import process as shell
from harness.core.errors import HarnessError, Misconfigured
from harness.reports import Story
from harness.workflows.progress import Progress
from harness.workflows.runner import conduct

WITHIN_S = 24 * 3600.0
"""For other lanes to end once the first has nothing left to do."""

GRACE_S = 180.0
"""For a lane that is told to stop: it takes its cluster down."""


def begin(home: Path, planned: Plan) -> Path:
    """A new folder for a matrix, with its plan."""
    folder = home / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        (folder / lanes.CELLS).mkdir(parents=True)
        (folder / lanes.RUNS).mkdir()
    except OSError as error:
        raise Misconfigured(f"cannot write {folder}: {error.strerror}; choose another folder with --into") from error
    plan.write(folder, planned)
    return folder


def drill(
    folder: Path,
    planned: Plan,
    lane: tuple[int, int],
    cluster: str,
    watch: Callable[[], AbstractContextManager[Progress]],
) -> None:
    """Drill what no other lane has, on one cluster; `lane` is which of how many, from 0."""
    # They load every client library, which only a real drill needs.
    from harness.selftest.runner import rehearsal  # noqa: PLC0415
    from harness.workflows.drill import assembly  # noqa: PLC0415

    with assembly.Site(rehearsal) as site:

        def one(cell: Cell) -> Story:
            with watch() as progress:
                story = conduct(planned.options(cell, folder / lanes.RUNS, cluster), progress, site)
                progress.say(f"{story.verdict.name} {cell.scenario} ({cell.strategy}, {cell.engine}): {story.run}")
            return story

        lanes.drill(folder, planned, lane, one)


@contextlib.contextmanager
def other_lanes(folder: Path, workers: int, cluster: str) -> Iterator[Callable[[], None]]:
    """All lanes but the first, each a process with a cluster of its own; yields what waits for their end.

    They are told to stop, and let take their clusters down, where the block is left before.
    """
    with contextlib.ExitStack() as stack:
        processes = []
        for number in range(1, workers):
            log = stack.enter_context((folder / f"lane-{number}.log").open("ab"))
            command = [sys.executable, "-m", "harness.cli", "matrix", "--resume", str(folder)]
            mine = [f"--lane={number}", f"--workers={workers}", f"--cluster={cluster}-{number}"]
            lane = shell.spawn([*command, *mine], output=log, grace_s=GRACE_S, apart=True)
            processes.append(stack.enter_context(lane))

        def ended() -> None:
            for process in processes:
                process.wait(WITHIN_S)

        yield ended


def table(folder: Path, planned: Plan) -> tuple[tuple[Row, ...], int]:
    """What the cells that were drilled came to, and how many were not drilled yet; written as pages, too."""
    runs = [lanes.run_of(folder, cell) for cell in planned.cells]
    found = rows(drilled(run) for run in runs if run is not None)
    missing = runs.count(None)
    try:
        pages.write(folder, found, planned.left_out, missing)
    except OSError as error:
        raise HarnessError(f"cannot write the matrix into {folder}: {error.strerror}") from error
    return found, missing
