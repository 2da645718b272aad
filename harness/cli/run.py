"""`drillproof run`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from harness.cli import options, tell
from harness.model import Verdict, worst

app = typer.Typer()


@app.command(
    epilog=options.examples(
        "drillproof run",
        "drillproof run cluster_lost --stores mysql --size medium",
        "drillproof run --strategy files --repeat 20",
        "drillproof run --deployment custos-shipped --stores postgres",
        "drillproof run --after restore='kubectl -n $DRILLPROOF_NAMESPACE get pods'",
    )
)
def run(
    scenarios: options.Scenarios = None,
    stores: options.Stores = None,
    strategy: options.Strategy = None,
    deployment: options.Deployment = None,
    engine: options.Engine = None,
    seed: options.Seed = 1,
    size: options.Size = "small",
    keep: options.Keep = False,
    before: options.Before = None,
    after: options.After = None,
    images: options.Images = "auto",
    mirror: options.Mirror = None,
    cluster: options.Cluster = options.CLUSTER,
    key: options.Key = None,
    rate: options.Rate = 20,
    fresh: Annotated[bool, typer.Option("--fresh", help="A new cluster for every drill.")] = False,
    repeat: options.Repeat = 1,
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> int:
    """Run drills; with no name the default one."""
    from harness import assembly, request
    from harness.conduct import conduct

    asked = request.options(
        scenarios or (),
        application=assembly.deployment(deployment) if deployment else None,
        stores=stores or (),
        strategy=strategy,
        engine=engine,
        seed=seed,
        size=size,
        keep=keep,
        before=before or (),
        after=after or (),
        images=images,
        mirror=mirror,
        runs=runs,
        cluster=cluster,
        key=key,
        rate=rate,
    )
    request.at_least_once(repeat)
    verdicts: dict[str, list[Verdict]] = {each.scenario.name: [] for each in asked}
    with assembly.Site(fresh=fresh) as site:
        for each in asked:
            for _ in range(repeat):
                with tell.watch(quiet=quiet) as watcher:
                    story = conduct(each, watcher, site)
                tell.story(story, as_json=as_json)
                verdicts[each.scenario.name].append(story.verdict)
    if repeat > 1:
        _tell_survival(verdicts, as_json=as_json)
    return tell.EXIT_CODES[worst(itertools.chain.from_iterable(verdicts.values()))]


def _tell_survival(verdicts: Mapping[str, Sequence[Verdict]], *, as_json: bool) -> None:
    from harness.survival import survival

    for name, each in verdicts.items():
        often = survival(each)
        if as_json:
            tell.document({"scenario": name, **asdict(often), "interval": often.interval})
        else:
            typer.echo(f"{name}: {often}")
