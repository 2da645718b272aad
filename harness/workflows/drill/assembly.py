"""Puts a drill together. The only module that knows all adapters by name."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness.backups import data_mover
from harness.checks.cluster_reuse import left_by
from harness.clusters import local
from harness.clusters.environment import Environment, EnvironmentCluster
from harness.core.errors import HarnessError
from harness.core.json import text
from harness.core.kubernetes import objects
from harness.core.model import Json, ReusableState, Verdict
from harness.core.ports import Reusable
from harness.evidence.run_directory import Run
from harness.workflows import run_metadata
from harness.workflows.drill.drill import Drill, Parts
from harness.workflows.drill.preflight import known_data, require_possible
from harness.workflows.drill.request import Options
from harness.workflows.progress import Progress
from harness.workflows.session import SelfTest, Session, hook_environment, with_program
from harness.workloads.application import Application, Secrets, ServiceKind, StoreKind
from harness.workloads.custos import CUSTOS
from harness.workloads.dataset import dataset
from harness.workloads.deployment import Deployment, generate
from harness.workloads.manifests.load import assigned_secrets

Basis = tuple[Json, ...]

DrillSecrets = tuple[Secrets, Secrets]
"""The credentials of the stores and services, and the Secrets that are generated for the user's application."""


def _new_cluster(options: Options, say: Callable[[str], None]) -> Environment:
    supply = require_possible((options,))
    application = _application(options)
    brought, extras = application.by_manifests, application.extras(options.stores)
    for line in (*brought.summary, *supply) if brought else ():
        say(line)
    snapshots, images = options.engine == data_mover.ENGINE, dict(brought.images) if brought else {}
    prepared = local.prepare(
        *(options.images, options.mirror, say, extras, options.lane),
        wanted=images,
        snapshots=snapshots,
        item_block_workers=options.item_block_workers,
    )
    sources = {name: image.source for name, image in prepared.ready.images.items()}
    local.require_entrypoints(prepared.versions, sources, brought.by_entrypoint if brought else {})
    return prepared


class DrillSession(Session[Options]):
    """Runs drills one after the other on one cluster; a drill may reuse the stores of the one before."""

    def __init__(
        self,
        self_test: SelfTest,
        *,
        fresh: bool = False,
        environment: Callable[[Options, Callable[[str], None]], Environment] = _new_cluster,
    ) -> None:
        """Creates nothing yet. With `fresh` every drill gets its own cluster; `environment` provides clusters."""
        super().__init__(self_test)
        self._fresh = fresh
        self._environment = environment
        self._made_of: Basis | None = None
        self._nodes = ("", False)  # what the nodes of the cluster have: the lane of Velero, storage with snapshots
        self._credentials: Secrets = {}
        self._generated: Secrets = {}  # Secrets of the user's application that are generated for each drill
        self._left: ReusableState | None = None
        self._forget: Callable[[], None] = lambda: None

    def drill(
        self, options: Options, progress: Progress, afterwards: Callable[[Parts, Path], None] | None = None
    ) -> Path:
        """`afterwards` works on what was restored. The next drill reuses nothing unless `settle` is called first."""
        known = known_data(options)
        self._keep = options.keep
        nodes = (options.lane, options.engine == data_mover.ENGINE)
        if self._cluster and nodes != self._nodes:
            self._cluster.down()
            self._cluster = None
        self._nodes = nodes
        coverage = options.coverage
        for line in coverage.lines if coverage else ():
            progress.say(line)
        environment = self._environment(options, progress.say)
        left = self._reuse(options)
        cluster = self._cluster = self._cluster or environment.cluster(options.cluster)
        application = _application(options)
        facts = run_metadata.of_drill(options, application, environment)
        with self.record(options.runs, options.scenario.name, facts, progress) as journal:
            run = journal.path.parent
            for change in brought.changes if (brought := application.by_manifests) else ():
                journal.append("note", text=f"deployed otherwise than the manifests say: {change}")
            secrets = self._credentials, self._generated
            parts = _parts(options, environment, cluster, known=known, run=run, secrets=secrets, left=left)
            self._forget = parts.engine.forget
            with self.collect(journal, {"cluster": cluster.collect, "tool": parts.engine.collect}):
                Drill(parts, run, journal).run()
                if afterwards is not None:
                    self.count_escapes(journal)
                    afterwards(parts, run)
        return run

    def settle(self, run: Path, verdict: Verdict) -> None:
        """Take the verdict of the last drill; after anything but PASS its cluster is not reused."""
        if verdict is Verdict.PASS and not self._fresh:
            with contextlib.suppress(HarnessError):  # with object lock the bucket cannot be emptied for the next drill
                self._forget()
                self._left = left_by(Run(run))
                return
        if self._cluster and not self._keep:
            self._cluster.down()
            self._cluster = None

    def secrets(self) -> frozenset[str]:
        return super().secrets() | {value for values in self._credentials.values() for value in values.values()}

    def _reuse(self, options: Options) -> ReusableState | None:
        """What the last drill left, if this one can start with it; otherwise new credentials for a new cluster."""
        left, self._left = self._left, None
        made_of = _basis(options)
        application = _application(options)
        kinds = [application.kind(name) for name in options.stores]
        reusable = all(isinstance(kind, type) and issubclass(kind, Reusable) for kind in kinds)
        alike = made_of is not None and made_of == self._made_of
        if left and alike and reusable and self._cluster and self._cluster.is_reusable():
            return left
        self._credentials, self._generated = new_secrets(options)
        if brought := application.by_manifests:
            self._hidden = brought.hidden | {value for values in self._generated.values() for value in values.values()}
        if options.definition:
            specs = (each.spec for each in (options.definition, options.definition.restore) if each)
            self._hidden |= {value for spec in specs for value in assigned_secrets(dict(spec))}
        self._made_of = made_of
        return None


def _application(options: Options) -> Application:
    return options.application or CUSTOS


def new_secrets(options: Options) -> DrillSecrets:
    """New credentials of the stores and services of a drill, and new Secrets of the user's application."""
    application = _application(options)
    if brought := application.by_manifests:
        generated = {name: generate(keys, {}) for name, keys in brought.generate.items()}
        return brought.credentials(generated), generated
    kinds: list[StoreKind | ServiceKind] = [application.kind(name) for name in options.stores]
    kinds += application.on(options.stores)
    return {kind.name: generate(kind.secret_keys, getattr(kind, "secret_kinds", {})) for kind in kinds}, {}


def _basis(options: Options) -> Basis | None:
    """What the stores of a drill are made of; None if nobody knows, since a user's hook may change them."""
    if options.hooks:
        return None
    namespace = _application(options).namespace
    engine = (options.engine, options.lane, options.item_block_workers)
    return (options.cluster, namespace, options.stores, options.strategy, *engine, options.seed, options.size)


def _parts(
    options: Options,
    environment: Environment,
    cluster: EnvironmentCluster,
    *,
    known: dataset.KnownData,
    run: Path,
    secrets: DrillSecrets,
    left: ReusableState | None,
    source: EnvironmentCluster | None = None,
) -> Parts:
    """`source` is the cluster from which the drill moves to this one."""
    application, plan, (credentials, _) = _application(options), options.scenario.plan, secrets
    namespace = (source and plan.namespace) or application.namespace
    engine = environment.backup_engine(cluster, options.engine.removeprefix("velero-"), run.name)
    if coverage := options.coverage:
        engine.follow(coverage.definition, coverage.own, coverage.drilled)
    if source:
        asked = ("persistentvolumeclaims", f"--namespace={application.namespace}")
        claims = objects(source.kubectl, *asked) if plan.storage_class else ()
        classes = sorted({text(claim, "spec", "storageClassName") for claim in claims} - {""})
        renamed = {} if namespace == application.namespace else {application.namespace: namespace}
        engine.rename(namespaces=renamed, storage_classes=dict.fromkeys(classes, plan.storage_class))
    return Parts(
        cluster=cluster,
        engine=engine,
        deployment=deployment_on(environment, cluster, options, namespace, secrets),
        stores=tuple(application.kind(name)(cluster, namespace, credentials.get(name, {})) for name in options.stores),
        dataset=known,
        scenario=options.scenario,
        hooks=options.hooks,
        second=lambda: _parts(
            options, environment, cluster.second, known=known, run=run, secrets=secrets, left=None, source=cluster
        ),
        env=hook_environment(
            cluster.kubeconfig, run, namespace, options.scenario.name, PATH=with_program(environment.kubectl)
        ),
        writes_per_s=options.rate,
        left=left,
        left_out=coverage.left_out if coverage else None,
        modified=coverage.modified if coverage else None,
        services=tuple(kind(cluster, namespace, credentials[kind.name]) for kind in application.on(options.stores)),
    )


def deployment_on(
    environment: Environment, cluster: EnvironmentCluster, options: Options, namespace: str, secrets: DrillSecrets
) -> Deployment:
    application, (credentials, generated) = _application(options), secrets
    deployment = Deployment(cluster, namespace, options.strategy, application.fixtures, credentials)
    if application.by_manifests:
        brought = application.by_manifests
        deployment = replace(deployment, credentials={}, objects=brought.to_deploy(generated), first=brought.first)
    return environment.adapt(deployment, cluster)
