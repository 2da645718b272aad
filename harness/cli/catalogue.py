"""Commands about what can be drilled."""

from __future__ import annotations

import typer

from harness.cli import options, tell
from harness.model import Json

app = typer.Typer()


@app.command("list")
def list_(as_json: options.AsJson = False) -> int:
    """Show the scenarios there are."""
    from harness import data, scenario

    known = scenario.load(data.scenarios())
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
        tell.document(rows)
        return 0
    width = max((len(name) for name in known), default=0)
    for each in known.values():
        story, _, _ = each.summary.partition("\n\n")
        typer.echo(f"{each.name:{width}}  {' '.join(story.split())}")
        faults, stores = (", ".join(words) for words in ([fault.name for fault in each.faults], each.stores))
        typer.echo(f"{'':{width}}  {faults}; {stores}; {each.strategy}, {each.engine}")
    return 0
