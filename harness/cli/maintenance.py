"""Commands about this machine and the harness itself: `doctor`, `selftest` and `gc`."""

from pathlib import Path

from harness.cli import options, output
from harness.core.errors import Misconfigured
from harness.core.model import Verdict

SIGNS = {True: "ok", False: "FIX", None: "?"}


@options.command("doctor")
def doctor(as_json: bool = False) -> int:
    from harness.cli.diagnose import diagnose

    found = tuple(diagnose())
    lines = (
        f"{SIGNS[each.ok]:4}  {each.name}: {each.detail}" + (f"\n      {each.fix}" if each.ok is False else "")
        for each in found
    )
    output.result(found, lines, as_json=as_json)
    return 0 if all(each.ok is not False for each in found) else output.WRONG_USAGE


@options.command("selftest")
def selftest(
    live: bool = False,
    stores: list[str] | None = None,
    cluster: str = options.CLUSTER,
    runs: Path = options.RUNS,
    as_json: bool = False,
) -> int:
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


@options.command("gc")
def gc(existing: options.ExistingCluster, cluster: str | None = None, as_json: bool = False) -> int:
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
