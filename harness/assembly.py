"""Puts a drill together from its parts. The only module that knows all adapters by name."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from harness import data, rundir, selftest, shell, supplies
from harness.backups.velero import VeleroEngine
from harness.clock import Clock
from harness.clusters import leftovers
from harness.clusters.docker import Docker
from harness.clusters.kept import KeptForwards
from harness.clusters.kind import KindCluster
from harness.dataset import dataset
from harness.datastores.consul import Consul
from harness.datastores.mysql import MySQL
from harness.datastores.postgres import Postgres
from harness.deployment import Deployment, generate, overlay
from harness.drill import Drill, Parts
from harness.engine import private as private_engine
from harness.engine.engine import find_engine
from harness.errors import HarnessError, Misconfigured
from harness.evidence import bundle
from harness.images import versions
from harness.journal import Journal
from harness.ledger import fingerprint
from harness.left_out import LEFT_OUT
from harness.model import Event, Json
from harness.options import Options
from harness.sabotage import consul, mysql, postgres
from harness.sabotage.base import Outcome
from harness.scenario import facts
from harness.supplies import Supplies

NAMESPACE = "custos"

ROOM = 12
"""Bytes of disk for each byte of known data: three members, their logs, dump and repository, and all that restored."""

DATASTORES: Mapping[str, type[MySQL | Postgres | Consul]] = {store.name: store for store in (MySQL, Postgres, Consul)}


CATALOGUES = {"mysql": mysql.CATALOGUE, "postgres": postgres.CATALOGUE, "consul": consul.CATALOGUE}
"""How each store can be spoilt."""

SERVICES = {"mysql": "mysql-primary", "postgres": "postgres-primary", "consul": "consul-http"}
"""What the clients of each store come by."""


def run_drill(
    options: Options,
    on_event: Callable[[Event], None],
    say: Callable[[str], None],
    afterwards: Callable[[Parts, Path], None] | None = None,
) -> Path:
    """Run one drill, and return its run directory; the journal there says how it went.

    `say` gets lines about what is being made ready before there is a journal; `afterwards` is done with what was
    restored, before it is taken down. Misconfigured if the drill cannot be as it is asked for; nothing has been made
    then.
    """
    known = dataset.load(data.fixtures(), options.seed, options.size)
    for store in options.stores:
        overlay(data.fixtures(), store, options.strategy)
    supplies.room(known.bytes_estimate() * ROOM, f"known data of the size {options.size}")
    supplied = supplies.ensure(options.images, options.mirror, say)
    cluster = supplied.cluster(options.cluster)
    run = rundir.create(options.runs, options.scenario.name, _facts(options, supplied))
    journal = Journal(run / "journal.jsonl", Clock(), on_event)
    try:
        journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
        journal.append("selftest", tier="rehearsed", **selftest.rehearsal())
        parts = _parts(options, supplied, cluster, known, run)
        with _tidied(options, parts, cluster, run, journal):
            Drill(parts, run, journal).run()
            if afterwards is not None:
                journal.append("fence", **asdict(cluster.escapes()))
                afterwards(parts, run)
    finally:
        journal.close()
    return run


def self_test(
    options: Options,
    on_event: Callable[[Event], None],
    say: Callable[[str], None],
    tell: Callable[[Outcome], None],
) -> tuple[Path, dict[str, Json]]:
    """The real tier of the self-test: a drill, and everything that it restored spoilt; its run, and what came of it.

    It is kept beside the run as selftest.json, and for the reports of later drills. HarnessError if the drill itself
    did not pass.
    """
    outcomes: list[Outcome] = []

    def spoil(parts: Parts, run: Path) -> None:
        with contextlib.closing(KeptForwards(parts.cluster)) as cluster:
            stores = tuple(
                DATASTORES[name](cluster, NAMESPACE, secret) for name, secret in parts.deployment.credentials.items()
            )
            found = selftest.real(run, parts.deployment, stores, catalogues=CATALOGUES, services=SERVICES, tell=tell)
            outcomes.extend(found)

    run = run_drill(options, on_event, say, spoil)
    told: dict[str, Json] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "stores": list(options.stores),
        **selftest.summary(outcomes),
    }
    rundir.write_json(run / "selftest.json", told)
    rundir.write_json(supplies.cache() / "selftest.json", told)
    return run, told


def _last_self_test() -> Json:
    """What the real tier came to when it was last run on this machine; None if it never was."""
    try:
        return rundir.read_json(supplies.cache() / "selftest.json")
    except HarnessError:
        return None


def _parts(options: Options, supplied: Supplies, cluster: KindCluster, known: dataset.KnownData, run: Path) -> Parts:
    kinds = [DATASTORES[name] for name in options.stores]
    credentials = {kind.name: generate(kind.secret_keys, getattr(kind, "secret_kinds", {})) for kind in kinds}
    return Parts(
        cluster=cluster,
        engine=VeleroEngine(
            cluster, lambda: cluster.store, supplied.release, uploader=options.engine.removeprefix("velero-")
        ),
        deployment=Deployment(cluster, NAMESPACE, options.strategy, data.fixtures(), credentials),
        stores=tuple(kind(cluster, NAMESPACE, credentials[kind.name]) for kind in kinds),
        dataset=known,
        scenario=options.scenario,
        bucket=lambda: cluster.store,
        machines=cluster.machines,
        hooks=options.hooks,
        renew=partial(_renew, cluster),
        env={
            "PATH": f"{supplied.programs.kubectl.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "KUBECONFIG": str(cluster.kubectl.kubeconfig.resolve()),
            "DRILLPROOF_RUN": str(run.resolve()),
            "DRILLPROOF_NAMESPACE": NAMESPACE,
            "DRILLPROOF_SCENARIO": options.scenario.name,
        },
    )


@contextlib.contextmanager
def _tidied(options: Options, parts: Parts, cluster: KindCluster, run: Path, journal: Journal) -> Iterator[None]:
    """Bring the logs home and take the cluster down, on every way out."""
    try:
        yield
    finally:
        secrets = [value for values in parts.deployment.credentials.values() for value in values.values()]
        bundle.collect(run / "bundle", {"cluster": cluster.collect, "tool": parts.engine.collect}, secrets)
        with contextlib.suppress(HarnessError):
            journal.append("fence", **asdict(cluster.escapes()))
        if options.keep:
            cluster.release()
        else:
            cluster.down()


def _renew(cluster: KindCluster) -> None:
    cluster.down(keep_store=True)
    cluster.up()


def _facts(options: Options, supplied: Supplies) -> dict[str, Json]:
    scenario = options.scenario
    return {
        "summary": scenario.summary,
        **facts(scenario),
        "objectives": asdict(scenario.objectives),
        "strategy": options.strategy,
        "engine": options.engine,
        "stores": {name: list(DATASTORES[name].members) for name in options.stores},
        "seed": options.seed,
        "size": options.size,
        "hooks": [asdict(hook) for hook in options.hooks],
        "versions": supplied.facts(),
        "commit": _commit(),
        "selftest": _last_self_test(),
        "left_out": {name: dict(LEFT_OUT[name]) for name in (*options.stores, "objects")},
        "host": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        },
    }


def _commit() -> str:
    """The commit of the clone that runs, with a + if it was changed since; "" for an installed wheel."""
    with contextlib.suppress(HarnessError):
        root = Path(__file__).parent.parent
        head = shell.run(["git", "-C", root, "rev-parse", "HEAD"]).stdout.strip()
        changed = shell.run(["git", "-C", root, "status", "--porcelain"]).stdout.strip()
        return head + ("+" if changed else "")
    return ""


def gc() -> tuple[str, ...]:
    """Remove what dead drills left behind, the private engine's processes included; return what it was, in words."""
    engine = find_engine(supplies.cache())
    if engine is None:
        private_engine.stop(supplies.cache())
        return ()
    docker = Docker(engine.docker, engine.env())
    image = next(iter(docker.listed("images", "--quiet", "drillproof/node")), "")
    if supplies.building():
        raise Misconfigured("images are being built by another process; wait for it, then run gc again")
    found = leftovers.leftovers(docker, supplies.state(), image)
    dead = [left for left in found if not left.in_use]
    for leftover in dead:
        leftovers.remove(docker, supplies.state(), leftover, image)
    pruned: tuple[str, ...] = ()
    if dead == list(found):
        pruned = supplies.images(engine, versions.load(data.clusters() / "versions.toml")).prune()
        if engine.private:
            docker("volume", "prune", "--force")  # without a name and a user: what killed containers left
            private_engine.stop(supplies.cache())
    return pruned + tuple(
        f"cluster {left.cluster}: {len(left.containers)} containers, {len(left.volumes)} volumes, "
        f"{len(left.networks)} networks, {len(left.processes)} processes{', its fence' if left.fence else ''}"
        for left in dead
    )
