"""`drillproof matrix`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli import options, output
from harness.core.errors import Misconfigured

if TYPE_CHECKING:
    from harness.campaigns.matrix.plan import Plan

app = typer.Typer()


@options.command(app, "matrix")
def matrix(
    load: options.Load,
    new: options.NewCluster,
    scenarios: list[str] | None = None,
    strategy: list[str] | None = None,
    engine: list[str] | None = None,
    stores: list[str] | None = None,
    repeat: int = 1,
    workers: int = 1,
    size: str = "small",
    into: Path = Path("reports/matrix"),
    resume: Path | None = None,
    only_plan: bool = False,
    worker: int = 0,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    from harness.campaigns.matrix import page as pages
    from harness.campaigns.matrix import plan, runner

    if resume is not None:
        planned = plan.read(resume)
    else:
        planned = plan.plan(
            scenarios or (),
            strategies=strategy or (),
            engines=engine or (),
            stores=stores or (),
            repeat=repeat,
            asked=plan.DrillOptions(load.seed, size, load.rate, new.images, new.mirror),
        )
    if only_plan:
        output.result({"cells": planned.cells, "left_out": planned.left_out}, _lines(planned), as_json=as_json)
        return 0
    if workers < 1:
        raise Misconfigured(f"--workers must be 1 or more, not {workers}")
    folder = resume or runner.begin(into, planned)

    watch = partial(output.watch, quiet=quiet)
    if worker:
        runner.drill(folder, planned, (worker, workers), new.cluster, watch)
        return 0
    with runner.other_workers(folder, workers, new.cluster) as wait:
        runner.drill(folder, planned, (0, workers), new.cluster, watch)
        wait()
    found, missing = runner.table(folder, planned)
    typer.echo((folder / ("matrix.json" if as_json else "matrix.md")).read_text(encoding="utf-8"), nl=False)
    if not as_json:
        typer.echo(f"matrix: {folder / 'matrix.html'}")
    return output.EXIT_CODES[pages.overall(found, missing)]


def _lines(planned: Plan) -> Iterator[str]:
    for cell in planned.cells:
        again = f" ({cell.repeat})" if cell.repeat > 1 else ""
        yield f"{cell.scenario}{again}: {cell.strategy}, {cell.engine}, {' '.join(cell.stores)}"
    for each in planned.left_out:
        yield f"not drilled: {each.scenario}, {each.strategy}, {each.engine}: {each.why}"
