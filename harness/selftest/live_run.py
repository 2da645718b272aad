"""The live self-test: a drill on a cluster, then every mutation applied to what it restored."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from harness.clusters.cached_forwards import CachedForwards
from harness.core import paths
from harness.core.model import Json
from harness.evidence import run_directory
from harness.evidence.signing import keys
from harness.selftest import runner
from harness.selftest.baseline import Outcome
from harness.workflows import run_metadata
from harness.workflows.drill.assembly import DrillSession
from harness.workflows.drill.drill import Parts
from harness.workflows.drill.request import Options
from harness.workflows.progress import Progress
from harness.workflows.runner import conclude
from harness.workloads.custos import DATASTORES, NAMESPACE


def self_test(options: Options, progress: Progress) -> dict[str, Json]:
    """Run a drill and apply every mutation to what it restored; the result as `runner.summary` has it.

    The result is written to selftest.json in the run, and in the cache for the reports of later drills. HarnessError if
    the drill itself did not pass.
    """
    outcomes: list[Outcome] = []
    signer = keys.signer(options.key, progress.say)

    def report(outcome: Outcome) -> None:
        progress.say(f"{'MISSED' if outcome.missed else 'detected'}: {outcome.store} {outcome.name}. {outcome.missed}")

    def mutate(parts: Parts, run: Path) -> None:
        with contextlib.closing(CachedForwards(parts.cluster)) as cluster:
            stores = tuple(
                DATASTORES[name](cluster, NAMESPACE, secret) for name, secret in parts.deployment.credentials.items()
            )
            outcomes.extend(runner.live_outcomes(run, parts.deployment, stores, report))

    with DrillSession(runner.in_memory_self_test) as site:
        run = site.drill(options, progress, mutate)
    result: dict[str, Json] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": run_metadata.commit(),
        "stores": list(options.stores),
        **runner.summary(outcomes),
    }
    run_directory.write_json(run / "selftest.json", result)
    run_directory.write_json(paths.cache() / "selftest.json", result)
    conclude(run, signer)
    return result
