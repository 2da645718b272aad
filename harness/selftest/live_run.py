"""The live self-test: a real drill, then every mutation applied to what it restored."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from harness.clusters.cached_forwards import KeptForwards
from harness.core import paths
from harness.core.model import Json
from harness.evidence import run_directory
from harness.evidence.signing import keys
from harness.selftest import consul, mysql, postgres, runner
from harness.selftest.base import Outcome
from harness.workflows import run_metadata
from harness.workflows.drill.assembly import Site
from harness.workflows.drill.drill import Parts
from harness.workflows.drill.request import Options
from harness.workflows.progress import Progress
from harness.workflows.runner import conclude
from harness.workloads.custos import DATASTORES, NAMESPACE

CATALOGUES = {"mysql": mysql.CATALOGUE, "postgres": postgres.CATALOGUE, "consul": consul.CATALOGUE}
"""How each store can be spoilt."""

SERVICES = {"mysql": "mysql-primary", "postgres": "postgres-primary", "consul": "consul-http"}
"""What the clients of each store come by."""


def self_test(options: Options, progress: Progress) -> dict[str, Json]:
    """Run a drill, apply every mutation to what it restored, and return what was noticed and what was missed.

    The result is kept beside the run as selftest.json, and for the reports of later drills. HarnessError if the drill
    itself did not pass.
    """
    outcomes: list[Outcome] = []
    signer = keys.signer(options.key, progress.say)

    def tell(outcome: Outcome) -> None:
        progress.say(f"{'MISSED' if outcome.missed else 'noticed'}: {outcome.store} {outcome.name}. {outcome.missed}")

    def spoil(parts: Parts, run: Path) -> None:
        with contextlib.closing(KeptForwards(parts.cluster)) as cluster:
            stores = tuple(
                DATASTORES[name](cluster, NAMESPACE, secret) for name, secret in parts.deployment.credentials.items()
            )
            found = runner.real(run, parts.deployment, stores, catalogues=CATALOGUES, services=SERVICES, tell=tell)
            outcomes.extend(found)

    with Site(runner.rehearsal) as site:
        run = site.drill(options, progress, progress.say, spoil)
    told: dict[str, Json] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": run_metadata.commit(),
        "stores": list(options.stores),
        **runner.summary(outcomes),
    }
    run_directory.write_json(run / "selftest.json", told)
    run_directory.write_json(paths.cache() / "selftest.json", told)
    conclude(run, signer)
    return told
