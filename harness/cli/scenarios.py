"""Commands about what can be drilled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from harness.cli import options, output
from harness.core.model import Json

if TYPE_CHECKING:
    from harness.workflows.drill.plan import Outlook

app = typer.Typer()


@app.command("list", epilog=options.examples("drillproof list", "drillproof list --json | jq -r '.[].scenario'"))
def list_(as_json: options.AsJson = False) -> int:
    """Show the scenarios there are."""
    from harness.core import resources
    from harness.workflows.drill import scenario

    known = scenario.load(resources.scenarios())
    rows: list[dict[str, Json]] = [
        {
            "scenario": each.name,
            "summary": each.summary,
            **scenario.facts(each),
            "stores": list(each.stores),
            "strategy": each.strategy,
            "engine": each.engine,
            "objectives": {"rto_s": each.objectives.rto_s, "rpo_s": each.objectives.rpo_s},
        }
        for each in known.values()
    ]
    if as_json:
        output.document(rows)
        return 0
    width = max((len(name) for name in known), default=0)
    for each in known.values():
        story, _, _ = each.summary.partition("\n\n")
        typer.echo(f"{each.name:{width}}  {' '.join(story.split())}")
        faults, stores = (", ".join(words) for words in ([fault.name for fault in each.faults], each.stores))
        typer.echo(f"{'':{width}}  {faults}; {stores}; {each.strategy}, {each.engine}")
    return 0


@app.command(
    epilog=options.examples(
        "drillproof plan", "drillproof plan cluster_lost pack_flipped --strategy dump", "drillproof plan --json"
    )
)
def plan(
    scenarios: options.Scenarios = None,
    application: options.Application = None,
    stores: options.Stores = None,
    strategy: options.Strategy = None,
    engine: options.Engine = None,
    size: options.Size = "small",
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
) -> int:
    """Say what `run` would do, what it would break, and how long by past runs; makes nothing."""
    from harness.workflows.drill import request
    from harness.workflows.drill.plan import outlook

    asked = request.options(
        scenarios or (),
        stores=stores or (),
        strategy=strategy,
        engine=engine,
        size=size,
        runs=runs,
        application=options.described(application),
    )
    planned = [outlook(each) for each in asked]
    if as_json:
        output.document([_document(each) for each in planned])
    else:
        typer.echo("\n\n".join("\n".join(_lines(each)) for each in planned))
    return 0


def _document(planned: Outlook) -> Json:
    asked = planned.options
    return {
        "scenario": asked.scenario.name,
        "stores": list(asked.stores),
        "strategy": asked.strategy,
        "engine": asked.engine,
        "size": asked.size,
        "steps": [
            {"step": each.name, "does": each.does, "breaks": list(each.breaks), "usual_s": each.usual_s}
            for each in planned.steps
        ],
        "expects": list(planned.expects),
        "past_runs": planned.runs,
        "usual_s": planned.usual_s,
    }


def _lines(planned: Outlook) -> Iterator[str]:
    from harness.core.text import duration, many

    asked = planned.options
    yield f"{asked.scenario.name}: {', '.join((*asked.stores, asked.strategy, asked.engine, asked.size))}"
    for number, each in enumerate(planned.steps, 1):
        usual = "" if each.usual_s is None else duration(each.usual_s)
        yield f"  {number}. {each.name:<9}{usual:>12}  {each.does}"
        yield from (f"{'':<26}BREAKS {fault}" for fault in each.breaks)
    yield f"  {'; '.join(planned.expects)}"
    if planned.usual_s is not None:
        yield f"  takes {duration(planned.usual_s)} by the median of {many(planned.runs, 'past run')} like it"
    else:
        yield f"  how long is not known: no past run like it in {asked.runs} went through all steps"
