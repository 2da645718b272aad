"""`drillproof migrate`: plan a migration, run it with its proof, and finish it or go back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, output
from harness.core.errors import Interrupted, Misconfigured

_FROM_TO = "--from prod --to new --namespace shop --writer deployment/web"

app = typer.Typer()
migrate = options.group(
    "Move an application to another cluster, and prove the result.",
    f"drillproof migrate plan {_FROM_TO}",
    f"drillproof migrate run {_FROM_TO}",
    "drillproof migrate start latest",
    "drillproof migrate back latest",
)
app.add_typer(migrate, name="migrate", rich_help_panel="Migrate")


Config = Annotated[
    Path | None, options.option("FILE", "File that allows migrations of contexts. Default: drillproof.toml.")
]


@dataclass(frozen=True, kw_only=True)
class Move:
    """What is moved, and where."""

    source: Annotated[str, options.option("CONTEXT", "Source cluster (kubeconfig context).", "--from")]
    target: Annotated[str, options.option("CONTEXT", "Target cluster (kubeconfig context).", "--to")]
    namespace: Annotated[str, options.option("NAME", "Namespace to move.")]
    to_namespace: Annotated[str, options.option("NAME", "Its name in the target cluster. Default: the same.")] = ""
    kubeconfig: options.Kubeconfig = None
    config: Config = None
    storage_classes: Annotated[
        list[str],
        options.option("OLD=NEW", "Replace a storage class in the target cluster. Repeatable.", "--storage-class"),
    ] = field(default_factory=list)
    writers: Annotated[
        list[str],
        options.option(
            "KIND/NAME", "Stop this deployment, statefulset or cronjob before the move. Repeatable.", "--writer"
        ),
    ] = field(default_factory=list)
    quiesce: Annotated[str, options.option("CMD", "Command that stops all other writers, run without a shell.")] = ""
    resume: Annotated[str, options.option("CMD", "Command that starts them again.")] = ""
    databases: options.Databases = field(default_factory=list)


@options.command(
    migrate,
    f"drillproof migrate plan {_FROM_TO}",
    f"drillproof migrate plan {_FROM_TO} --to-namespace shop-new --storage-class fast=standard",
)
def plan(move: Move, as_json: options.AsJson = False) -> int:
    """Show what a migration does, and what blocks it.

    Changes nothing. Exit code 64 if there is a blocker.
    """
    from dataclasses import asdict

    from harness.workflows.migration import assembly, request

    looked = assembly.look(request.options(**vars(move))).plan
    output.result(asdict(looked), assembly.told(looked), as_json=as_json)
    for each in looked.blockers:
        output.error(each, output.WRONG_USAGE)
    return output.WRONG_USAGE if looked.blockers else 0


@options.command(
    migrate,
    f"drillproof migrate run {_FROM_TO}",
    f"drillproof migrate run {_FROM_TO} --to-namespace shop-new --storage-class fast=standard --downtime 900",
    "drillproof migrate run ... --after restore='kubectl --context $DRILLPROOF_CONTEXT ...'",
)
def run(
    move: Move,
    hooks: options.Hooks,
    evidence: options.Evidence,
    downtime: Annotated[float | None, options.option("SECONDS", "Longest time without writes.")] = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> int:
    """Quiesce the source, move it, and prove that the target has the same data."""
    from dataclasses import replace

    from harness.core.model import MOVE_STEPS, Objectives
    from harness.selftest.runner import in_memory_self_test_of_migrations
    from harness.workflows.migration import assembly, request
    from harness.workflows.run_options import parse_hooks
    from harness.workflows.runner import execute

    if downtime is not None and not downtime > 0:
        raise Misconfigured(f"--downtime must be more than 0 seconds, not {downtime:g}")
    asked = replace(
        request.options(**vars(move)),
        objectives=Objectives(rto_s=downtime),
        hooks=parse_hooks(hooks.before, hooks.after, MOVE_STEPS),
        runs=evidence.runs,
        key=evidence.key,
    )
    try:
        with assembly.MigrationSession(in_memory_self_test_of_migrations) as site, output.watch(quiet=quiet) as watcher:
            view = execute(asked, watcher, site)
    except Interrupted as error:
        raise Interrupted(
            f"{error}; the source may still be quiesced: `drillproof migrate back latest` resumes it"
        ) from error
    return output.outcome(view, as_json=as_json)


@options.command(migrate, "drillproof migrate start latest")
def start(
    run: options.RunName,
    kubeconfig: options.Kubeconfig = None,
    config: Config = None,
    runs: options.Runs = options.RUNS,
) -> int:
    """Start the writers of the target, once the migration is proved.

    After this, `migrate back` loses what they write.
    """
    from harness.workflows.migration import assembly, rollback

    rollback.start(*assembly.opened(run, runs, kubeconfig, config, proved=True), say=typer.echo)
    return 0


@options.command(migrate, "drillproof migrate back latest", "drillproof migrate back latest --lose-writes")
def back(
    run: options.RunName,
    lose_writes: Annotated[
        bool, options.flag("Discard what was written at the target since the migration.", "--lose-writes")
    ] = False,
    resume: Annotated[str, options.option("CMD", "Command that starts what --quiesce stopped.")] = "",
    kubeconfig: options.Kubeconfig = None,
    config: Config = None,
    runs: options.Runs = options.RUNS,
) -> int:
    """Go back: delete the target namespace, resume the source, and check that it takes writes."""
    from harness.workflows.migration import assembly, request, rollback

    request.argv("--resume", resume)
    migration = assembly.opened(run, runs, kubeconfig, config)
    rollback.back(*migration, resume=resume, lose_writes=lose_writes, say=typer.echo)
    return 0
