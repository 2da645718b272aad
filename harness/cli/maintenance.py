"""Commands about this machine and the harness itself: `doctor`, `selftest` and `gc`."""

from __future__ import annotations

from pathlib import Path

import typer

from harness.cli import options, output
from harness.core.errors import Misconfigured
from harness.core.model import Verdict

app = typer.Typer()
SIGNS = {True: "ok", False: "FIX", None: "?"}


@options.command(app, "doctor")
def doctor(as_json: bool = False) -> int:
    """Check whether this machine can run drills, and how to fix it."""
    from harness.cli.diagnose import diagnose

    found = tuple(diagnose())
    lines = (
        f"{SIGNS[each.ok]:4}  {each.name}: {each.detail}" + (f"\n      {each.fix}" if each.ok is False else "")
        for each in found
    )
    output.result(found, lines, as_json=as_json)
    return 0 if all(each.ok is not False for each in found) else output.WRONG_USAGE


@options.command(app, "selftest")
def selftest(
    live: bool = False,
    stores: list[str] | None = None,
    cluster: str = options.CLUSTER,
    runs: Path = options.RUNS,
    as_json: bool = False,
) -> int:
    """Mutate a good recovery; the checks must detect every mutation.

    Each mutation must be detected by the expected check, for the expected reason. Default: in memory, in seconds.
    """
    from harness.selftest.runner import in_memory_self_test
    from harness.workflows.drill import request

    if stores and not live:
        raise Misconfigured("--stores needs --live; the in-memory self-test covers all datastores")
    if live:
        from harness.selftest.live_run import self_test  # loads every client library

        (asked,) = request.options((), stores=stores or (), runs=runs, cluster=cluster)
        with output.watch(quiet=False) as watcher:
            result = self_test(asked, watcher)
    else:
        result = in_memory_self_test()
    missed = result["missed"]
    assert isinstance(missed, list)
    lines = ["MISSED  {way} {store} {name}: {missed}".format(**each) for each in missed]
    lines.append(f"{result['noticed']} mutations detected, {len(missed)} missed")
    output.result(result, lines, as_json=as_json)
    return output.EXIT_CODES[Verdict.FAIL if missed else Verdict.PASS]


@options.command(app, "gc")
def gc(existing: options.ExistingCluster, cluster: str | None = None, as_json: bool = False) -> int:
    """Delete what interrupted runs left behind.

    Without --context: clusters, containers and processes on this machine.

    With --context: deletes all drillproof resources and backups in the configured namespaces, and the namespaces of
    proofs, including those of drills running from other machines.

    With --cluster: stops the drill on that cluster, as Ctrl-C does, and deletes the cluster. The run is judged by the
    evidence so far. A drill that does not end within five minutes is killed.
    """
    from harness.clusters import gc as gc_module
    from harness.workflows.proof.shared_cluster import preflight

    if cluster is not None and existing.context is not None:
        raise Misconfigured("--cluster (created by drillproof) and --context (existing) exclude each other")
    if existing.context is not None:
        removed = preflight.gc(existing.context, existing.kubeconfig, existing.config)
    else:
        removed = gc_module.gc() if cluster is None else (gc_module.gc_cluster(cluster),)
    output.result(removed, removed or ("nothing to delete",), as_json=as_json)
    return 0
