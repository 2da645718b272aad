"""Commands about the runs there are."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import typer

from harness.cli import options, output
from harness.core.errors import Misconfigured
from harness.core.model import Json

if TYPE_CHECKING:
    from harness.evidence.run_index import Entry

app = typer.Typer()


@app.command(
    epilog=options.examples("drillproof runs", "drillproof runs --json | jq '.[] | select(.verdict != \"pass\")'")
)
def runs(runs: options.Runs = options.RUNS, as_json: options.AsJson = False) -> int:
    """Show the runs of a folder, newest last, as they were judged; `table` judges them anew."""
    from harness.evidence.run_index import entries

    found = tuple(entries(runs))
    if as_json:
        output.document([_document(each) for each in found])
        return 0
    if not found:
        typer.echo(f"no run in {runs} yet; `drillproof run` makes one")
    width = max((len(each.run.name) for each in found), default=0)
    for each in found:
        typer.echo(_line(each, width))
    return 0


@app.command("open", epilog=options.examples("drillproof open", "drillproof open 20261124T161606Z-namespace_loss"))
def open_(run: options.RunName = "latest", runs: options.Runs = options.RUNS) -> int:
    """Open a run's report in a browser; without one, say where it is."""
    from harness.evidence import run_directory

    page = run_directory.find(runs, run) / "report.html"
    if not page.is_file():
        raise Misconfigured(f"{page.parent} has no report.html; `drillproof report {run}` makes it")
    typer.echo(str(page))
    webbrowser.open(page.as_uri())
    return 0


def _document(entry: Entry) -> Json:
    return {
        "run": str(entry.run),
        "began": entry.began.isoformat() if entry.began else None,
        "scenario": entry.scenario,
        "strategy": entry.strategy,
        "engine": entry.engine,
        "verdict": entry.verdict.value,
        "problem": entry.problem,
        "rto_s": entry.rto_s,
        "rpo_s": entry.rpo_s,
        "size_bytes": entry.size_bytes,
    }


def _line(entry: Entry, width: int) -> str:
    from harness.core.text import duration, one_line

    began = f"{entry.began:%Y-%m-%d %H:%M}" if entry.began else "?"
    figures = f"RTO {duration(entry.rto_s):>12}  RPO {duration(entry.rpo_s):>12}  {entry.size_bytes / 1e6:7.1f} MB"
    why = f"  ({entry.problem})" if entry.problem else ""
    words = f"{entry.verdict.name:7}  {began:16}  {entry.run.name:{width}}  {figures}"
    return f"{words}  {one_line(f'{entry.scenario} {entry.strategy} {entry.engine}{why}')}"
