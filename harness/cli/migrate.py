"""`drillproof migrate`: the plan, the move with its proof, and what comes after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, output
from harness.core.errors import Interrupted, Misconfigured

if TYPE_CHECKING:
    from harness.workflows.migration.request import MoveOptions

_FROM_TO = "--from prod --to new --namespace shop --writer deployment/web"

app = typer.Typer()
group = typer.Typer(
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    help="Move an application to another cluster, namespace or storage class, prove it, and go back if need be.",
    epilog=options.examples(
        f"drillproof migrate plan {_FROM_TO}",
        f"drillproof migrate run {_FROM_TO}",
        "drillproof migrate start latest",
        "drillproof migrate back latest",
    ),
)
app.add_typer(group, name="migrate")

From = Annotated[str, typer.Option("--from", metavar="CONTEXT", help="Of the kubeconfig: the cluster that is left.")]
To = Annotated[str, typer.Option("--to", metavar="CONTEXT", help="The cluster that is moved to.")]
Namespace = Annotated[str, typer.Option(metavar="NAME", help="The namespace that is moved.")]
ToNamespace = Annotated[str, typer.Option(metavar="NAME", help="What it is called there; the same if not given.")]
Kubeconfig = Annotated[Path | None, typer.Option(metavar="FILE", help="Else $KUBECONFIG, or ~/.kube/config.")]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Lists under `migrate` the contexts that are allowed.")
]
StorageClass = Annotated[
    list[str] | None, typer.Option(metavar="OLD=NEW", help="A storage class, and what becomes of it there.")
]
Writer = Annotated[
    list[str] | None,
    typer.Option(metavar="KIND/NAME", help="deployment, statefulset or cronjob that writes: stopped before the move."),
]
Freeze = Annotated[str, typer.Option(metavar="CMD", help="What stops all else that writes; with --unfreeze.")]
Unfreeze = Annotated[str, typer.Option(metavar="CMD", help="What lets it write again.")]
Databases = Annotated[
    list[str] | None, typer.Option("--database", metavar="KIND=NS/POD", help="One that is not found by itself.")
]


def _asked(
    *,
    source: str,
    target: str,
    namespace: str,
    to_namespace: str,
    kubeconfig: Path | None,
    config: Path | None,
    storage_class: list[str] | None,
    writer: list[str] | None,
    freeze: str,
    unfreeze: str,
    database: list[str] | None,
) -> MoveOptions:
    from harness.workflows.migration.request import options as asked

    return asked(
        source=source,
        target=target,
        namespace=namespace,
        to_namespace=to_namespace,
        kubeconfig=kubeconfig,
        config=config,
        storage_classes=storage_class or (),
        writers=writer or (),
        freeze=freeze,
        unfreeze=unfreeze,
        databases=database or (),
    )


@group.command(
    "plan",
    epilog=options.examples(
        f"drillproof migrate plan {_FROM_TO}",
        f"drillproof migrate plan {_FROM_TO} --to-namespace shop-new --storage-class fast=standard",
    ),
)
def plan(
    source: From,
    target: To,
    namespace: Namespace,
    to_namespace: ToNamespace = "",
    kubeconfig: Kubeconfig = None,
    config: Config = None,
    storage_class: StorageClass = None,
    writer: Writer = None,
    freeze: Freeze = "",
    unfreeze: Unfreeze = "",
    database: Databases = None,
    as_json: options.AsJson = False,
) -> int:
    """Say what a move will do, and what is in its way; nothing is changed. Exit code 64 if it cannot be made."""
    from dataclasses import asdict

    from harness.workflows.migration import assembly

    asked = _asked(
        source=source,
        target=target,
        namespace=namespace,
        to_namespace=to_namespace,
        kubeconfig=kubeconfig,
        config=config,
        storage_class=storage_class,
        writer=writer,
        freeze=freeze,
        unfreeze=unfreeze,
        database=database,
    )
    looked = assembly.look(asked).plan
    if as_json:
        output.document({"fatal": list(looked.fatal), **asdict(looked)})
    else:
        typer.echo("\n".join(assembly.told(looked)))
    for each in looked.fatal:
        output.complain(each, output.WRONG_USAGE)
    return output.WRONG_USAGE if looked.fatal else 0


@group.command(
    "run",
    epilog=options.examples(
        f"drillproof migrate run {_FROM_TO}",
        f"drillproof migrate run {_FROM_TO} --to-namespace shop-new --storage-class fast=standard --downtime 900",
        "drillproof migrate run ... --after restore='kubectl --context $DRILLPROOF_CONTEXT ...'",
    ),
)
def run(
    source: From,
    target: To,
    namespace: Namespace,
    to_namespace: ToNamespace = "",
    kubeconfig: Kubeconfig = None,
    config: Config = None,
    storage_class: StorageClass = None,
    writer: Writer = None,
    freeze: Freeze = "",
    unfreeze: Unfreeze = "",
    database: Databases = None,
    downtime: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="For how long at most nobody may be able to write.")
    ] = None,
    before: options.Before = None,
    after: options.After = None,
    key: options.Key = None,
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> int:
    """Freeze the source, move it, and prove that every database of the target holds what the source held."""
    from dataclasses import replace

    from harness.core.model import MOVE_STEPS, Objectives
    from harness.selftest.runner import rehearsal_of_moves
    from harness.workflows import hooks
    from harness.workflows.migration import assembly
    from harness.workflows.runner import conduct

    if downtime is not None and not downtime > 0:
        raise Misconfigured(f"--downtime {downtime:g} can never be met; say how many seconds, more than 0")
    asked = _asked(
        source=source,
        target=target,
        namespace=namespace,
        to_namespace=to_namespace,
        kubeconfig=kubeconfig,
        config=config,
        storage_class=storage_class,
        writer=writer,
        freeze=freeze,
        unfreeze=unfreeze,
        database=database,
    )
    asked = replace(
        asked,
        objectives=Objectives(rto_s=downtime),
        hooks=hooks.parse("before", before or (), MOVE_STEPS) + hooks.parse("after", after or (), MOVE_STEPS),
        runs=runs,
        key=key,
    )
    try:
        with assembly.MoveSite(rehearsal_of_moves) as site, output.watch(quiet=quiet) as watcher:
            story = conduct(asked, watcher, site)
    except Interrupted as error:
        raise Interrupted(f"{error}; the source may be frozen still: `drillproof migrate back latest`") from error
    output.story(story, as_json=as_json)
    return output.EXIT_CODES[story.verdict]


@group.command("start", epilog=options.examples("drillproof migrate start latest"))
def start(
    name: options.RunName,
    kubeconfig: Kubeconfig = None,
    runs: options.Runs = options.RUNS,
) -> int:
    """Let the writers of the target go, once its move was proved. From then on the way back loses what they write."""
    from harness.workflows.migration import assembly

    for line in assembly.start(name, runs, kubeconfig):
        typer.echo(line)
    return 0


@group.command(
    "back",
    epilog=options.examples("drillproof migrate back latest", "drillproof migrate back latest --lose-writes"),
)
def back(
    name: options.RunName,
    lose_writes: Annotated[
        bool, typer.Option("--lose-writes", help="Even if the target holds writes that the source has not.")
    ] = False,
    kubeconfig: Kubeconfig = None,
    runs: options.Runs = options.RUNS,
) -> int:
    """Go back: the target's namespace is removed, the source let go, and seen to take a write."""
    from harness.workflows.migration import assembly

    assembly.back(name, runs, kubeconfig, lose_writes=lose_writes, say=typer.echo)
    return 0
