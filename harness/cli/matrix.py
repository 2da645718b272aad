"""`drillproof matrix` and `drillproof table`."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, output
from harness.core.errors import Misconfigured

if TYPE_CHECKING:
    from harness.campaigns.matrix.plan import Plan

app = typer.Typer()


@app.command(
    epilog=options.examples(
        "drillproof matrix --plan",
        "drillproof matrix namespace_loss --strategy dump,files,frozen,physical --workers 2",
        "drillproof matrix --resume reports/matrix/20261124T142929Z",
    )
)
def matrix(
    scenarios: options.Scenarios = None,
    strategy: options.Strategies = None,
    engine: options.Engines = None,
    stores: options.Stores = None,
    repeat: options.Repeat = 1,
    workers: Annotated[int, typer.Option(metavar="N", help="Clusters that are drilled on at once.")] = 1,
    seed: options.Seed = 1,
    size: options.Size = "small",
    rate: options.Rate = 20,
    images: options.Images = "auto",
    mirror: options.Mirror = None,
    cluster: options.Cluster = options.CLUSTER,
    into: Annotated[Path, typer.Option(help="Folder of the matrices.")] = Path("reports/matrix"),
    resume: Annotated[Path | None, typer.Option(metavar="DIR", help="Go on with a matrix that was stopped.")] = None,
    only_plan: Annotated[bool, typer.Option("--plan", help="Only say what would be drilled.")] = False,
    lane: Annotated[int, typer.Option(hidden=True, min=0)] = 0,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> int:
    """Drill many disasters, by default all, with many strategies; make the table of what survives what."""
    from harness.campaigns.matrix import page as pages
    from harness.campaigns.matrix import plan
    from harness.campaigns.matrix import runner as whole

    if resume is not None:
        planned = plan.read(resume)
    else:
        shared = plan.Asked(seed, size, rate, images, mirror)
        words = {"strategies": strategy or (), "engines": engine or (), "stores": stores or ()}
        planned = plan.plan(scenarios or (), **words, repeat=repeat, asked=shared)
    if only_plan:
        _tell_plan(planned, as_json=as_json)
        return 0
    if workers < 1:
        raise Misconfigured(f"--workers {workers} drills nothing; say on how many clusters at once, 1 or more")
    folder = resume or whole.begin(into, planned)

    watch = partial(output.watch, quiet=quiet)
    if lane:
        whole.drill(folder, planned, (lane, workers), cluster, watch)
        return 0
    with whole.other_lanes(folder, workers, cluster) as ended:
        whole.drill(folder, planned, (0, workers), cluster, watch)
        ended()
    found, missing = whole.table(folder, planned)
    typer.echo((folder / ("matrix.json" if as_json else "matrix.md")).read_text(encoding="utf-8"), nl=False)
    if not as_json:
        typer.echo(f"matrix: {folder / 'matrix.html'}")
    return output.EXIT_CODES[pages.overall(found, missing)]


def _tell_plan(planned: Plan, *, as_json: bool) -> None:
    if as_json:
        output.document(
            {"cells": [asdict(cell) for cell in planned.cells], "left_out": list(map(asdict, planned.left_out))}
        )
        return
    for cell in planned.cells:
        again = f" ({cell.repeat})" if cell.repeat > 1 else ""
        typer.echo(f"{cell.scenario}{again}: {cell.strategy}, {cell.engine}, {' '.join(cell.stores)}")
    for each in planned.left_out:
        typer.echo(f"not drilled: {each.scenario}, {each.strategy}, {each.engine}: {each.why}")


@app.command(epilog=options.examples("drillproof table", "drillproof table --runs reports/runs --json"))
def table(runs: options.Runs = options.RUNS, as_json: options.AsJson = False) -> int:
    """Show the table strategy x disaster x store of all runs in a folder, judged anew from their evidence."""
    from harness.campaigns.matrix import page as pages
    from harness.campaigns.matrix.results import all_drills, drilled, rows

    found = rows(drilled(run) for run in all_drills(runs))
    if as_json:
        output.document(pages.document(runs, found, (), 0))
    else:
        typer.echo(pages.markdown(found, (), 0), nl=False)
    return output.EXIT_CODES[pages.overall(found, 0)]
