"""`drillproof run`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from harness.cli import options, output
from harness.core.errors import Misconfigured
from harness.core.model import Verdict, worst

app = typer.Typer()


@app.command(
    epilog=options.examples(
        "drillproof run",
        "drillproof run cluster_lost --stores mysql --size medium",
        "drillproof run --strategy files --repeat 20",
        "drillproof run namespace_loss --application shop.toml",
        "drillproof run --deployment custos-shipped --stores postgres",
        "drillproof run keys_deleted --context staging --dry-run",
        "drillproof run namespace_loss --application shop.toml --context staging",
        "drillproof run --after restore='kubectl -n $DRILLPROOF_NAMESPACE get pods'",
    )
)
def run(
    scenarios: options.Scenarios = None,
    application: options.Application = None,
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
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    config: options.Config = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --context: print every object that would be made, make none.")
    ] = False,
    key: options.Key = None,
    rate: options.Rate = 20,
    fresh: Annotated[bool, typer.Option("--fresh", help="A new cluster for every drill.")] = False,
    repeat: options.Repeat = 1,
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> int:
    """Run drills; with no name the default one.

    With --context they run on an existing cluster, in a namespace of their own: see docs/how-to/existing-cluster.md.
    """
    from harness.selftest.runner import rehearsal
    from harness.workflows.drill import assembly, request
    from harness.workflows.runner import conduct
    from harness.workloads import custos

    place = options.place(context, kubeconfig, config)
    if place is None and dry_run:
        raise Misconfigured("--dry-run goes with --context; what a drill does on a cluster of its own, `plan` tells")
    if deployment and application:
        raise Misconfigured("--deployment and --application are two things to protect; leave out one of them")
    if place:
        made = mirror is not None or images != "auto" or cluster != options.CLUSTER
        _fit_for_a_place(deployment=deployment, made=made)
    protected = custos.deployment(deployment) if deployment else options.described(application, place)
    asked = request.options(
        scenarios or (),
        stores=stores or (),
        strategy=strategy,
        engine=engine or (place.engine(protected) if place else None),
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
        application=protected,
    )
    request.at_least_once(repeat)
    if place:
        asked = tuple(map(place.settled, asked))
    if place and dry_run:
        for each in asked:
            output.document({"apiVersion": "v1", "kind": "List", "items": place.planned(each)}, indent=2)
        return 0
    verdicts: dict[str, list[Verdict]] = {each.scenario.name: [] for each in asked}
    with place.site(rehearsal) if place else assembly.Site(rehearsal, fresh=fresh) as site:
        for each in asked:
            for _ in range(repeat):
                with output.watch(quiet=quiet) as watcher:
                    story = conduct(each, watcher, site)
                output.story(story, as_json=as_json)
                verdicts[each.scenario.name].append(story.verdict)
    if repeat > 1:
        _tell_survival(verdicts, as_json=as_json)
    return output.EXIT_CODES[worst(itertools.chain.from_iterable(verdicts.values()))]


def _fit_for_a_place(*, deployment: str | None, made: bool) -> None:
    """Misconfigured for what only a cluster of our own can be asked; `made` is whether how it is made was said."""
    if deployment:
        raise Misconfigured("--deployment makes no sense with --context: its images are on clusters of our own only")
    if made:
        raise Misconfigured("--images, --mirror and --cluster make no sense with --context; `mirror` is configured")


def _tell_survival(verdicts: Mapping[str, Sequence[Verdict]], *, as_json: bool) -> None:
    from harness.campaigns.matrix.statistics import survival

    for name, each in verdicts.items():
        often = survival(each)
        if as_json:
            output.document({"scenario": name, **asdict(often), "interval": often.interval})
        else:
            typer.echo(f"{name}: {often}")
