"""Puts a migration together."""

import tempfile
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from harness.backups.object_store import ObjectStore
from harness.backups.velero import VeleroEngine
from harness.backups.velero_backup import secret_values
from harness.backups.velero_install import NAMESPACE, Release
from harness.checks.trust import believed
from harness.clusters import rbac
from harness.clusters.cluster_pin import NAMESPACE as CLUSTER
from harness.clusters.diagnostics import collect_namespace
from harness.clusters.permissions_file import require_migration
from harness.clusters.rbac import NamespaceRole, Permission
from harness.core import process, timeouts
from harness.core.errors import HarnessError, Misconfigured
from harness.core.json import text
from harness.core.kubernetes import Kubectl, RunsKubectl, find_kubectl
from harness.core.model import MOVE_STEPS, Json, Plan, Verdict
from harness.core.wait import NotYet
from harness.evidence import run_directory
from harness.evidence.signing import attestation, keys
from harness.workflows import run_metadata
from harness.workflows.database_reader import examiner
from harness.workflows.migration import plan as plans
from harness.workflows.migration.inventory import (
    API,
    OF_SOURCE,
    OF_TARGET,
    Inventory,
    cluster_uid,
    reached,
    take_inventory,
)
from harness.workflows.migration.migration import ENGINE, End, Migration
from harness.workflows.migration.plan import MigrationPlan
from harness.workflows.migration.quiesce import WAS, Quiescer
from harness.workflows.migration.request import MigrationOptions, Place, argv, kubeconfig_of
from harness.workflows.migration.rollback import MigratedRun, moved
from harness.workflows.progress import Progress
from harness.workflows.session import Session, hook_environment

NAME = "migrate"


@dataclass(frozen=True)
class Looked:
    source: Inventory
    target: Inventory
    plan: MigrationPlan
    user: str = ""  # to bind to our role in the target's namespace; "" if no role must be bound


def look(options: MigrationOptions) -> Looked:
    """Take the inventory of both ends, and query every database of the source. Changes nothing. Misconfigured."""
    kubectl, other = (kubectl_of(options.kubeconfig, place) for place in (options.source, options.target))
    binds = _has_permissions(options, kubectl, other)
    source = take_inventory(kubectl, options.source, OF_SOURCE)
    target = take_inventory(other, options.target, OF_TARGET)
    with reached(options.target):
        user = rbac.whoami(other) if binds else ""
    plan = plans.plan(options, source, target)
    silent = []
    for database in plan.databases:
        try:
            examiner(kubectl).ready(database)
        except (HarnessError, NotYet) as error:
            silent.append(f"{database.key} cannot be read: {error}")
    return Looked(source, target, replace(plan, blockers=(*plan.blockers, *silent)), user)


def _has_permissions(options: MigrationOptions, source: RunsKubectl, target: RunsKubectl) -> bool:
    """Whether the role in the target's namespace must be bound to us once that exists.

    Misconfigured names all missing permissions at both ends. Those on Velero are not asked for where there is none: the
    plan says so.
    """
    ends, writers = (options.source, options.target), options.writers
    one, other = (rbac.migration_inside(end.namespace, writers) for end in ends)
    maps = bool(options.storage_classes)
    before = rbac.migration_source((one.namespace, CLUSTER), OF_SOURCE)
    after = rbac.migration_target(other.namespace, CLUSTER, OF_TARGET, maps_classes=maps)
    of_source, _ = _missing(options.source, source, (*before, *one.permissions))
    of_target, binds = _missing(options.target, target, after, other)
    missing = ((options.source.context, of_source), (options.target.context, of_target))
    rbac.refuse(missing, "clusters/migrate/ has files that grant all")
    return binds


def _missing(
    place: Place, kubectl: RunsKubectl, wanted: tuple[Permission, ...], *roles: NamespaceRole
) -> tuple[tuple[Permission, ...], bool]:
    """As `rbac.missing_of` says; without Velero none of its permissions can exist."""
    with reached(place):
        if not rbac.serves_api(kubectl, f"{API}/v1"):
            wanted = tuple(permission for permission in wanted if permission.namespace != NAMESPACE)
        return rbac.missing_of(kubectl, wanted, roles)


class MigrationSession(Session[MigrationOptions]):
    """Runs one migration. Neither cluster belongs to drillproof, so none is removed."""

    def drill(self, options: MigrationOptions, progress: Progress) -> Path:
        looked = look(options)
        if looked.plan.blockers:
            raise Misconfigured(f"this migration is impossible: {'; '.join(looked.plan.blockers)}")
        for line in told(looked.plan):
            progress.say(line)
        signer = keys.signer(options.key)
        self._hidden = frozenset(secret_values(looked.source.of("Secret")))
        with self.record(options.runs, NAME, _facts(options, looked), progress) as journal:
            run = journal.path.parent
            between = (options.kubeconfig, run, options.source, options.target)
            ends = ends_of(*between)
            logs = {
                name: partial(collect_namespace, end.kubectl, end.place.namespace)
                for name, end in zip(("source", "target"), ends, strict=True)
            }
            with self.collect(journal, logs):
                databases, env = looked.plan.databases, environment(*between)
                sign = partial(attestation.sign_progress, run, signer)
                Migration(options, *ends, databases, journal=journal, env=env, user=looked.user, sign=sign).run()
        return run


def told(plan: MigrationPlan) -> tuple[str, ...]:
    """A plan in lines, without its blockers."""
    return (
        *(f"{step.name}: {does}" for step in plan.steps for does in step.does),
        *(f"warning: {each}" for each in plan.warnings),
    )


def opened(
    name: str, runs: Path, kubeconfig: Path | None, config: Path | None, *, proved: bool = False
) -> tuple[MigratedRun, End, End]:
    """A migration that has run, and both its ends.

    Misconfigured if a known key did not sign it (then anyone may have written what it asks for), if it must be `proved`
    and was not, or if an end is not allowed, or not in the cluster of the migration.
    """
    path = run_directory.find(runs, name)
    with tempfile.TemporaryDirectory() as folder:
        begun = Path(folder) / path.name
        progress = attestation.verify_progress(path, begun)
        if doubt := (progress or attestation.verify_judged(path)).doubt(path, keys.known()):
            raise Misconfigured(
                f"{doubt}; so drillproof changes no cluster for it; "
                f"the annotation {WAS} of each quiesced writer has its old state"
            )
        run = moved(begun if progress else path)
    if proved and (told := believed(path)).verdict is not Verdict.PASS:
        why = f" ({'; '.join(told.problems)})" if told.problems else ""
        raise Misconfigured(
            f"the verdict of {run.name} is {told.verdict.name}{why}, so its target is not started; "
            f"`drillproof migrate back {run.name}` goes back to the source"
        )
    require_migration((run.source.context, run.target.context), config)
    source, target = ends_of(kubeconfig_of(kubeconfig), path, run.source, run.target)
    for end, uid in zip((source, target), run.clusters, strict=True):
        require_cluster(end, uid)
    return run, source, target


def require_cluster(end: End, uid: str) -> None:
    """Misconfigured unless the context leads to the cluster with this UID."""
    context = end.place.context
    if not uid:
        raise Misconfigured(f"the migration did not record the cluster of {context}, so nothing is changed there")
    with reached(end.place):
        now = cluster_uid(end.kubectl)
    if now != uid:
        raise Misconfigured(
            f"the context {context} leads to another cluster than that of the migration: "
            f"the UID of {CLUSTER} is {now or 'not shown'}, not {uid}; use the kubeconfig of the migration"
        )


def kubectl_of(kubeconfig: Path, place: Place) -> Kubectl:
    """Kubectl for one end. Misconfigured if it is not installed."""
    return Kubectl(find_kubectl(), kubeconfig, place.context)


def environment(kubeconfig: Path, run: Path, source: Place, target: Place) -> dict[str, str]:
    """The environment of users' commands, except the step."""
    return hook_environment(
        *(kubeconfig, run, target.namespace, NAME),
        DRILLPROOF_CONTEXT=target.context,
        DRILLPROOF_SOURCE_NAMESPACE=source.namespace,
        DRILLPROOF_SOURCE_CONTEXT=source.context,
    )


def ends_of(kubeconfig: Path, run: Path, source: Place, target: Place) -> tuple[End, End]:
    env = environment(kubeconfig, run, source, target)

    def command(line: str) -> None:
        process.run(argv("the command", line), within_s=timeouts.HOOK_S, env=env)

    def end(place: Place) -> End:
        kubectl = kubectl_of(kubeconfig, place)
        velero = VeleroEngine(kubectl, _no_way_in, _NOT_OURS)
        velero.rename(namespaces=renamed, storage_classes={})
        return End(place, kubectl, velero, Quiescer(kubectl, place.namespace, command))

    renamed = {} if source.namespace == target.namespace else {source.namespace: target.namespace}
    return end(source), end(target)


_NOT_OURS = Release(Path(), "", "", Path)
"""Velero exists at both ends; it is never installed."""


def _no_way_in() -> ObjectStore:
    raise OSError("drillproof has no access to this bucket; `velero restore logs` shows the logs")


def _facts(options: MigrationOptions, looked: Looked) -> dict[str, Json]:
    there = options.target.namespace
    databases: list[Json] = [
        {**asdict(each), "key": each.key, "place": f"{there}/{each.pod}"} for each in looked.plan.databases
    ]
    return {
        **run_metadata.common(options),
        **run_metadata.of_databases(looked.plan.databases),
        "kind": run_directory.MOVE,
        "summary": f"Moves {options.source.name} to {options.target.name}.",
        "steps": list(MOVE_STEPS),
        "plan": Plan(move=True, namespace=there).recorded,
        "objectives": asdict(options.objectives),
        "engine": ENGINE,
        "source": _end_facts(looked.source),
        "target": _end_facts(looked.target),
        "storage_classes": dict(options.storage_classes),
        "writers": list(options.writers),
        "freeze": options.quiesce,
        "unfreeze": options.resume,
        "known": list(looked.plan.warnings),
        "backup": {
            "claims": [
                f"{there}/{text(each, 'metadata', 'name')}" for each in looked.source.of("PersistentVolumeClaim")
            ],
            "uncopied": list(plans.uncopied(looked.source.pods)),
        },
        "databases": databases,
    }


def _end_facts(end: Inventory) -> dict[str, Json]:
    return {
        "context": end.place.context,
        "namespace": end.place.namespace,
        "cluster": end.uid,
        "kubernetes": end.kubernetes,
        "velero": end.velero.version,
    }
