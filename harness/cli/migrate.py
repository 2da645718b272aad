"""`drillproof migrate`: plan a migration, run it with its proof, and finish it or go back."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import typer

from harness.cli import options, output
from harness.core.errors import Interrupted, Misconfigured
from harness.core.model import MOVE_STEPS, Objectives


@dataclass(frozen=True, kw_only=True)
class Move:
    source: str
    target: str
    namespace: str
    to_namespace: str = ""
    kubeconfig: Path | None = None
    config: Path | None = None
    storage_classes: list[str] = field(default_factory=list)
    writers: list[str] = field(default_factory=list)
    quiesce: str = ""
    resume: str = ""
    databases: list[str] = field(default_factory=list)


@options.command("migrate plan")
def plan(move: Move, as_json: bool = False) -> int:
    from harness.workflows.migration import assembly, request

    looked = assembly.look(request.options(**vars(move))).plan
    output.result(asdict(looked), assembly.told(looked), as_json=as_json)
    for each in looked.blockers:
        output.error(each, output.WRONG_USAGE)
    return output.WRONG_USAGE if looked.blockers else 0


@options.command("migrate run")
def run(
    move: Move,
    hooks: options.Hooks,
    evidence: options.Evidence,
    downtime: float | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
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


@options.command("migrate start")
def start(run: str, kubeconfig: Path | None = None, config: Path | None = None, runs: Path = options.RUNS) -> int:
    from harness.workflows.migration import assembly, rollback

    rollback.start(*assembly.opened(run, runs, kubeconfig, config, proved=True), say=typer.echo)
    return 0


@options.command("migrate back")
def back(
    run: str,
    lose_writes: bool = False,
    resume: str = "",
    kubeconfig: Path | None = None,
    config: Path | None = None,
    runs: Path = options.RUNS,
) -> int:
    from harness.workflows.migration import assembly, request, rollback

    request.argv("--resume", resume)
    migration = assembly.opened(run, runs, kubeconfig, config)
    rollback.back(*migration, resume=resume, lose_writes=lose_writes, say=typer.echo)
    return 0
