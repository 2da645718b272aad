"""Where a proof stands on a cluster of others, once it was asked whether that may and can be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.backups.object_store import ObjectStore
from harness.backups.velero_install import Release
from harness.clusters import rbac
from harness.clusters.context import ANSWER_S, enter, left_alone, without_values
from harness.clusters.images import versions
from harness.clusters.permissions_file import FILE, Leave, allowed
from harness.core import resources
from harness.core.errors import HarnessError, Misconfigured, TimedOut, ToolFailed
from harness.core.json import at, text
from harness.core.kubernetes import Kubectl, Object, kept, name_of
from harness.core.model import Json
from harness.core.process import run
from harness.workflows.drill.shared_cluster import Place as DrillPlace
from harness.workflows.proof.proof import BackupInBucket, Sandbox
from harness.workflows.proof.request import ProofOptions
from harness.workflows.proof.shared_cluster import objects, restore_filter
from harness.workflows.proof.shared_cluster import rbac as grants
from harness.workflows.proof.shared_cluster.cluster import ProofCluster
from harness.workflows.proof.shared_cluster.config import Permit, permit
from harness.workflows.proof.shared_cluster.network_check import Barrier, Target, Tried
from harness.workflows.proof.shared_cluster.velero import There

_NO_KEYS = ObjectStore("http://nowhere", "", "velero", "-", "-")


@dataclass(frozen=True)
class Place:
    """A context that the configuration allows. Implements `harness.workflows.proof.proof.SandboxProvider`."""

    permit: Permit
    kubeconfig: Path | None = None  # kubectl's own if None

    def sandbox(self, options: ProofOptions, backup: BackupInBucket, say: Callable[[str], None]) -> Sandbox:
        """Make the namespaces there, closed; Misconfigured, and nothing is left, if the proof cannot be there."""
        recorded = backup.recorded
        found = self._look(options, backup)
        cluster = found.cluster
        with left_alone(cluster):
            say(f"the context {self.permit.context}: {found.kubernetes}; no fence of drillproof's is around it")
            cluster.claim(recorded.namespaces, found.user if found.binds else "")
            cluster.open(_image("minio"), backup.bytes_total)
            network = _network(cluster, options)
            tried = network.tried()
            _holds(self.permit, tried)
            say(_told(tried))
            return Sandbox(
                cluster=cluster,
                engine=found.engine,
                kubectl=found.kubectl,
                namespace=self.permit.renamed(recorded.namespaces[0]),
                versions={
                    "kubernetes": found.kubernetes,
                    "cluster": f"the context {self.permit.context}, not made by drillproof: no fence is around it",
                    "velero": f"{found.engine.release.server_image}, the proof's own in {self.permit.namespace}",
                    "images from": self.permit.mirror or "their own registries, as the cluster pulls them",
                },
                more={
                    "fenced": False,
                    "place": {
                        "context": self.permit.context,
                        "label": cluster.run,
                        "namespaces": dict(self.permit.places(recorded.namespaces)),
                        "network": tried.facts(),
                        "left_out": list(found.engine.contents.left_out),
                    },
                },
                afterwards=lambda: network.still(tried),
                secrets=frozenset((cluster.keys.access_key, cluster.keys.secret_key)),
            )

    def planned(self, options: ProofOptions, backup: BackupInBucket) -> tuple[Object, ...]:
        """Every object that a proof would make there, the values of its Secrets left out; nothing is made.

        Misconfigured as for the proof itself, but for what is only seen once pods are there: what its network holds.
        """
        found, recorded = self._look(options, backup), backup.recorded
        cluster, label = found.cluster, "the-proof"
        try:
            cluster.run = label
            names = tuple(self.permit.places(recorded.namespaces).values())
            every = (self.permit.namespace, *names)
            inside = (rbac.Inside(name, grants.INSIDE, ()).binding(found.user, label) for name in every)
            things = (
                *objects.namespaces(self.permit, recorded.namespaces, label),
                *(inside if found.binds else ()),
                *(objects.velero_binding(self.permit, name, label) for name in every),
                *(objects.barrier(name, label) for name in names),
                *objects.store(self.permit, cluster.keys, _image("minio"), backup.bytes_total, label),
                *(objects.probe(self.permit, name, _image("minio"), label) for name in every),
                *found.engine.makes,
                *found.engine.objects(),
                found.engine.velero.wanted_restore("proof-the-run", recorded.report.name, recorded.namespaces),
            )
            return tuple(map(without_values, things))
        finally:
            cluster.down()

    def gc(self) -> tuple[str, ...]:
        """Remove what killed proofs left there; return what it was, in words. Misconfigured if one lives here."""
        _, cluster = self._entered()
        return cluster.left()

    def _look(self, options: ProofOptions, backup: BackupInBucket) -> Found:
        allowed_there, recorded = self.permit, backup.recorded
        if beyond := sorted(set(recorded.namespaces) - set(allowed_there.namespaces)):
            raise Misconfigured(
                f"the backup {recorded.report.name} holds namespaces that may not be restored on the context "
                f"{allowed_there.context}: {', '.join(beyond)}; list them under `prove` in the configuration, and in "
                "the rights, or prove it without --context"
            )
        held = restore_filter.read(backup.source, recorded)
        restore_filter.run_there(backup.databases, recorded.pods)
        program, cluster = self._entered()
        kubectl = cluster.real
        with left_alone(cluster):
            try:
                version = json.loads(kubectl("version", "-o", "json", within_s=ANSWER_S))
                user = rbac.whoami(kubectl, ANSWER_S)
            except (ToolFailed, TimedOut) as error:
                raise Misconfigured(
                    f"the cluster of the context {allowed_there.context} does not let us in: {error}"
                ) from error
            binds = _has_rights(kubectl, allowed_there)
            release = _release(allowed_there)
            makes = _kinds(kubectl, allowed_there, release, recorded.uploader)
            cluster.is_free()
            _has_class(kubectl, allowed_there)
        made = There(cluster, release, recorded, held, options.repository_password, makes)
        return Found(cluster, made, program, text(version, "serverVersion", "gitVersion"), user, binds)

    def _entered(self) -> tuple[Path, ProofCluster]:
        """kubectl, and the cluster of the context as it knows it. Misconfigured if there is no such context."""
        permit = self.permit
        return enter("proof", permit.context, permit.namespace, self.kubeconfig, partial(ProofCluster, permit))


@dataclass(frozen=True)
class Found:
    """What was found there, and is enough for a proof."""

    cluster: ProofCluster
    engine: There
    kubectl: Path
    kubernetes: str
    user: str
    binds: bool


@dataclass(frozen=True)
class Network:
    """What is tried from the restored namespaces: before anything is restored into them, and when all was read."""

    barrier: Barrier
    targets: tuple[Target, ...]

    def tried(self) -> Tried:
        """What came of it."""
        return self.barrier.tried(self.targets)

    def still(self, before: Tried) -> str:
        """In words, whether it is as it was before. HarnessError if it held then, and does no more."""
        if not before.held:
            return "the cluster enforces no NetworkPolicy, so nothing was tried again"
        now = self.barrier.tried(self.targets, within_s=1)
        if not now.held:
            raise HarnessError(f"the NetworkPolicy held at first, and does no more: reached {'; '.join(now.reached)}")
        return f"tried again when all was read: {_told(now)}"


def place(context: str | None, kubeconfig: Path | None, config: Path | None) -> Place | None:
    """The cluster that is there, if one is named. Misconfigured if the configuration allows no proof on it."""
    if context is None:
        if kubeconfig or config:
            raise Misconfigured("--kubeconfig and --config go with --context")
        return None
    return Place(permit(context, config), kubeconfig)


def gc(context: str, kubeconfig: Path | None, config: Path | None) -> tuple[str, ...]:
    """Remove what killed drills and proofs left there; return what it was. Misconfigured if neither is allowed."""
    file = config or FILE
    leave = Leave.of(file) if file.is_file() else None
    proofs = leave is not None and context in leave.proofs
    removed = Place(permit(context, config), kubeconfig).gc() if proofs else ()
    if leave and proofs and context not in leave.drills:
        return removed
    return (*removed, *DrillPlace(allowed(context, config), kubeconfig).gc())


def _network(cluster: ProofCluster, options: ProofOptions) -> Network:
    names, own = cluster.kubectl.names, cluster.permit.namespace
    behind = tuple(there for there in names.values() if there != own)
    tries = Barrier(cluster.real, own, behind)
    # As pods come to it; from a loopback address nobody but this machine does.
    return Network(tries, tries.targets(cluster.address(), objects.PORT, options.place.endpoint))


def _holds(permit: Permit, tried: Tried) -> None:
    if not tried.held and not permit.without_fence:
        raise Misconfigured(
            f"the cluster of the context {permit.context} does not enforce NetworkPolicies: pods of a restored "
            f"namespace would reach {'; '.join(tried.reached)}; prove without --context, or say `without_fence = true` "
            "in the configuration if what is restored may do what it likes"
        )


def _told(tried: Tried) -> str:
    if tried.held:
        return f"the NetworkPolicy of each restored namespace stopped what was tried: {', '.join(tried.stopped)}"
    return f"NO NetworkPolicy is enforced there, and the configuration allows it: reached {'; '.join(tried.reached)}"


def _has_rights(kubectl: Kubectl, permit: Permit) -> bool:
    """Whether those inside have to be bound to us first. Misconfigured names all that are missing, Velero's as well."""
    lacking = rbac.missing(kubectl, grants.outside(permit))
    insides = [rbac.Inside(name, grants.INSIDE, grants.inside(name)) for name in permit.all]
    asked = [each.missing(kubectl) for each in insides]
    lacking += tuple(dict.fromkeys(right for without, _ in asked for right in without))
    of_velero: tuple[rbac.Right, ...] = ()
    if not lacking:
        account = f"system:serviceaccount:{permit.namespace}:{grants.ACCOUNT}"
        of_velero = rbac.missing(kubectl, grants.velero_outside(), account)
        role = kubectl("get", "clusterrole", grants.VELERO_INSIDE, "--ignore-not-found", "-o", "json")
        rules = at(json.loads(role or "{}"), "rules")
        inside = grants.velero_inside(permit.namespace)
        of_velero += rbac.lacking(rules if isinstance(rules, list) else [], inside)
    if lacking or of_velero:
        whose = "" if lacking else "of the proof's own Velero "
        raise Misconfigured(
            f"rights {whose}are missing on the context {permit.context}: {rbac.named(lacking or of_velero)}; "
            "clusters/prove/rbac.yaml grants all (docs/how-to/prove-shared-cluster.md)"
        )
    return any(binds for _, binds in asked)


def _kinds(kubectl: Kubectl, permit: Permit, release: Release, uploader: str) -> tuple[Object, ...]:
    """Velero's kinds that are to be made. Misconfigured where they are others, or are not and may not be made."""
    ours = {name_of(kind): kind for kind in objects.crds(_NO_KEYS, release, uploader)}
    found: dict[str, Object] = {}
    for name in ours:
        told = kubectl("get", "customresourcedefinition", name, "--ignore-not-found", "-o", "json")
        if told.strip():
            found[name] = json.loads(told)
    if other := [name for name, kind in found.items() if _schemas(kind) != _schemas(ours[name])]:
        raise Misconfigured(
            f"the context {permit.context} has Velero's kinds of another version than {release.server_image}, and "
            f"drillproof changes none: {', '.join(other)}; prove without --context"
        )
    lacking = tuple(kind for name, kind in ours.items() if name not in found)
    if lacking and not permit.makes_crds:
        names = ", ".join(name_of(kind) for kind in lacking)
        raise Misconfigured(
            f"the context {permit.context} lacks kinds of Velero's: {names}; say `make_crds = true` in the "
            "configuration (they stay there), or let an administrator make them: `velero install --crds-only`"
        )
    return lacking


def _schemas(kind: Object) -> Mapping[str, Json]:
    versions_of = at(kind, "spec", "versions")
    assert isinstance(versions_of, list)
    return {text(each, "name"): at(each, "schema") for each in versions_of}


def _has_class(kubectl: Kubectl, permit: Permit) -> None:
    told = kubectl("get", "storageclass", permit.storage_class, "--ignore-not-found", "-o", "json")
    if not told.strip():
        raise Misconfigured(f"there is no StorageClass {permit.storage_class} on the context {permit.context}")
    if (policy := text(json.loads(told), "reclaimPolicy")) not in {"", "Delete"}:
        raise Misconfigured(
            f"the StorageClass {permit.storage_class} of the context {permit.context} has the reclaimPolicy {policy}: "
            "what is restored would stay there; name one with Delete"
        )


def _release(permit: Permit) -> Release:
    """The Velero that is made there, and the program that prints its manifests. Misconfigured if that is not here."""

    def none() -> Path:
        raise Misconfigured("a proof checks no repository")

    found = kept("velero") or shutil.which("velero")
    pinned = versions.load(resources.clusters() / "versions.toml").go["velero"].pins["github.com/vmware-tanzu/velero"]
    if not found or pinned not in run([found, "version", "--client-only"]).stdout:
        raise Misconfigured(
            f"there is no `velero` {pinned} here, which prints what is made there; put it into the PATH"
        )
    server, plugin = (permit.image(_image(name)) for name in ("velero", "velero-plugin-for-aws"))
    return Release(Path(found), server, plugin, none)


def _image(name: str) -> str:
    return versions.load(resources.clusters() / "versions.toml").images[name].ref
