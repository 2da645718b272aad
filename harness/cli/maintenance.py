"""Commands about this machine and the harness itself: is it fit, is it clean, can its checks fail?"""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options, output
from harness.core.errors import Misconfigured
from harness.core.model import Verdict

app = typer.Typer()
SIGNS = {True: "ok", False: "MEND", None: "?"}


@app.command(epilog=options.examples("drillproof selftest", "drillproof selftest --real --stores postgres"))
def selftest(
    real: Annotated[bool, typer.Option("--real", help="Spoil what a real drill restores: minutes, a cluster.")] = False,
    stores: options.Stores = None,
    cluster: options.Cluster = options.CLUSTER,
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
) -> int:
    """Spoil a good recovery in every known way, and see whether each is noticed, and for its own reason."""
    from harness.selftest.runner import rehearsal
    from harness.workflows.drill import request

    if stores and not real:
        raise Misconfigured("--stores goes with --real; the cheap tier always takes all stores")
    if real:
        from harness.selftest.live_run import self_test  # loads every client library

        (asked,) = request.options((), stores=stores or (), runs=runs, cluster=cluster)
        with output.watch(quiet=False) as watcher:
            told = self_test(asked, watcher)
    else:
        told = rehearsal()
    missed = told["missed"]
    assert isinstance(missed, list)
    if as_json:
        output.document(told)
    else:
        for each in missed:
            typer.echo("MISSED  {way} {store} {name}: {missed}".format(**each))
        typer.echo(f"{told['noticed']} sabotages noticed, {len(missed)} missed")
    return output.EXIT_CODES[Verdict.FAIL if missed else Verdict.PASS]


@app.command(epilog=options.examples("drillproof doctor", "drillproof doctor --json | jq '.[] | select(.ok == false)'"))
def doctor(as_json: options.AsJson = False) -> int:
    """Say whether this machine can drill, and how to mend what it lacks."""
    from harness.cli.diagnose import diagnose

    found = tuple(diagnose())
    if as_json:
        output.document([{"name": d.name, "ok": d.ok, "detail": d.detail, "mend": d.mend} for d in found])
    else:
        for each in found:
            typer.echo(f"{SIGNS[each.ok]:4}  {each.name}: {each.detail}")
            if each.ok is False:
                typer.echo(f"      {each.mend}")
    return 0 if all(each.ok is not False for each in found) else output.WRONG_USAGE


@app.command(
    epilog=options.examples("drillproof gc", "drillproof gc --cluster nightly-b", "drillproof gc --context staging")
)
def gc(
    cluster: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this one of ours; who uses it is stopped first.")
    ] = None,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    config: options.Config = None,
    as_json: options.AsJson = False,
) -> int:
    """Remove whatever killed drills left behind: here, or with --context on a cluster that was there before.

    There everything goes that bears drillproof's label in the namespace that the configuration names, and all backups
    of it; and the namespaces of proofs. Who else drills there, from another machine, loses that drill.

    With --cluster one cluster of ours goes, and nothing else. A drill that uses it is stopped as by Ctrl-C: it cleans
    up, and its run is judged by what there is; where it does not end within five minutes it is killed.
    """
    from harness.clusters import gc as gc_module
    from harness.workflows.proof.shared_cluster import preflight

    if cluster and context:
        raise Misconfigured("--cluster names one that drillproof made here, --context one of others: say one of them")
    if context is None and (kubeconfig or config):
        raise Misconfigured("--kubeconfig and --config go with --context")
    if context:
        removed = preflight.gc(context, kubeconfig, config)
    else:
        removed = (gc_module.remove(cluster),) if cluster else gc_module.gc()
    if as_json:
        output.document(list(removed))
    else:
        typer.echo("\n".join(removed) or "nothing was left behind")
    return 0
