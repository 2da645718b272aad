"""Proofs on a shared cluster: checks that they are allowed and possible, and creates their sandboxes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.backups import velero_install
from harness.backups.object_store import ObjectStore
from harness.backups.velero_install import Release
from harness.clusters import rbac
from harness.clusters.images import versions
from harness.clusters.permissions_file import PermissionsFile, ProofPolicy, allowed_drill, allowed_proof
from harness.clusters.shared_cluster import DrillCluster, without_values
from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Kubectl, Object, cached_program, get_object, name_of
from harness.core.model import Json
from harness.core.process import run
from harness.workflows.proof.proof import BackupInBucket, Sandbox
from harness.workflows.proof.request import ProofOptions
from harness.workflows.proof.shared_cluster import restore_filter
from harness.workflows.proof.shared_cluster.cluster import PORT, ProofCluster
from harness.workflows.proof.shared_cluster.network_check import EgressProbe, ProbeResult
from harness.workflows.proof.shared_cluster.velero import OwnVelero

_NO_KEYS = ObjectStore("http://nowhere", "", "velero", "-", "-")


@dataclass(frozen=True)
class SharedProofs:
    policy: ProofPolicy
    kubeconfig: Path | None = None  # kubectl's own if None

    def sandbox(self, options: ProofOptions, backup: BackupInBucket, say: Callable[[str], None]) -> Sandbox:
        """Create the namespaces, isolated; a `harness.workflows.proof.proof.SandboxProvider`."""
        restored, policy = backup.recorded.namespaces, self.policy
        found = self._look(options, backup)
        cluster = found.cluster
        with cluster.removed_on_error():
            say(f"the context {policy.context}: {found.kubernetes}; no network isolation of drillproof around it")
            cluster.claim(restored, found.user)
            cluster.open(_image("minio"), backup.bytes_total)
            behind = tuple(name for name in cluster.kubectl.names.values() if name != policy.namespace)
            probe = EgressProbe(cluster.api, policy.namespace, behind)
            # The address for pods: a loopback address would only work on this machine.
            targets = probe.targets(cluster.address(), PORT, options.place.endpoint)
            tried = probe.run(targets)
            _holds(policy, tried)
            say(str(tried))
            velero = f"{found.engine.release.server_image}, the proof's own in {policy.namespace}"
            return Sandbox(
                cluster=cluster,
                engine=found.engine,
                kubectl=cluster.api.binary,
                namespace=policy.renamed(restored[0]),
                lane=versions.load().lane,
                versions=cluster.facts(found.kubernetes, velero, policy.mirror),
                more={
                    "fenced": False,
                    "place": {
                        "context": policy.context,
                        "label": cluster.run,
                        "namespaces": dict(policy.places(restored)),
                        "network": tried.facts(),
                        "left_out": list(found.engine.contents.left_out),
                    },
                },
                afterwards=lambda: probe.run_again(targets, tried),
                secrets=frozenset((cluster.keys.access_key, cluster.keys.secret_key)),
            )

    def planned(self, options: ProofOptions, backup: BackupInBucket) -> tuple[Object, ...]:
        """Every object that a proof would create, without the values of its Secrets; nothing is created.

        Misconfigured as for the proof itself, except for what only running pods show: whether the network isolates.
        """
        found, recorded, policy = self._look(options, backup), backup.recorded, self.policy
        cluster, label, image = found.cluster, "the-proof", _image("minio")
        try:
            cluster.run = label
            every = (policy.namespace, *policy.places(recorded.namespaces).values())
            bindings = (rbac.proof_inside(name).binding(found.user, label) for name in every)
            things = (
                *cluster.namespaces(recorded.namespaces),
                *(bindings if found.user else ()),
                *(thing for name in every for thing in cluster.first(name)),
                *cluster.minio(image, backup.bytes_total),
                *(cluster.probe(name, image) for name in every),
                *found.crds,
                *found.engine.manifests(),
                found.engine.wanted_restore("proof-the-run", recorded.report.name, recorded.namespaces),
            )
            return tuple(map(without_values, things))
        finally:
            cluster.down()

    def _look(self, options: ProofOptions, backup: BackupInBucket) -> Found:
        """Check everything that a proof needs; creates nothing. Misconfigured for the first thing that is missing."""
        policy, recorded = self.policy, backup.recorded
        if beyond := sorted(set(recorded.namespaces) - set(policy.namespaces)):
            raise Misconfigured(
                f"the backup {recorded.report.name} has namespaces that may not be restored on the context "
                f"{policy.context}: {', '.join(beyond)}; list them under `prove` in the configuration, and in "
                "the permissions, or prove the backup without --context"
            )
        contents = restore_filter.read(backup.source, recorded)
        restore_filter.run_there(backup.databases, recorded.pods)
        cluster = ProofCluster.enter(policy, self.kubeconfig)
        with cluster.removed_on_error():
            kubernetes, user = cluster.identify()
            binds = _has_permissions(cluster.api, policy)
            release = _release(policy)
            crds = _missing_crds(cluster.api, policy, release, recorded.uploader)
            cluster.require_free()
            _is_removed(cluster.require_storage_class(), policy)
        password = options.repository_password
        engine = OwnVelero(cluster, release, recorded, contents, repository_password=password, crds=crds)
        return Found(cluster, engine, crds, kubernetes, user if binds else "")


@dataclass(frozen=True)
class Found:
    cluster: ProofCluster
    engine: OwnVelero
    crds: tuple[Object, ...]  # of Velero, to create
    kubernetes: str
    user: str  # to bind our role to; "" if we have all permissions anyway


def gc(context: str, kubeconfig: Path | None, config: Path | None) -> tuple[str, ...]:
    """Remove what killed drills and proofs left; return what it was. Misconfigured if the file allows neither."""
    listed = PermissionsFile.read(config, f"drills on the context {context}", "as docs/how-to/existing-cluster.md says")
    proofs = context in listed.proofs
    removed = ProofCluster.enter(allowed_proof(context, config), kubeconfig).remove_leftovers() if proofs else ()
    if proofs and context not in listed.drills:
        return removed
    return (*removed, *DrillCluster.enter(allowed_drill(context, config), kubeconfig).remove_leftovers())


def _holds(policy: ProofPolicy, tried: ProbeResult) -> None:
    if not tried.held and not policy.without_fence:
        raise Misconfigured(
            f"the cluster of the context {policy.context} does not enforce NetworkPolicies: pods of a restored "
            f"namespace would reach {'; '.join(tried.reached)}; prove without --context, or set `without_fence = true` "
            "in the configuration if the restored pods may reach anything"
        )


def _has_permissions(kubectl: Kubectl, policy: ProofPolicy) -> bool:
    """Whether roles must be bound to us first. Misconfigured names all that is missing, also for the own Velero."""
    hint = "clusters/prove/rbac.yaml grants all (docs/how-to/prove-shared-cluster.md)"
    roles = map(rbac.proof_inside, policy.all)
    missing, binds = rbac.missing_of(kubectl, rbac.proof_outside(policy), roles)
    rbac.refuse([(policy.context, missing)], hint)
    account = f"system:serviceaccount:{policy.namespace}:{rbac.PROOF_ACCOUNT}"
    of_velero = rbac.missing(kubectl, rbac.listed("proof-velero-outside"), account)
    role = get_object(kubectl, "clusterrole", rbac.PROOF_VELERO_ROLE)
    inside = rbac.listed("proof-velero-inside", namespace=policy.namespace)
    of_velero += rbac.not_granted(items(role, "rules"), inside)
    rbac.refuse([(policy.context, of_velero)], hint, "of the proof's own Velero ")
    return binds


def _missing_crds(kubectl: Kubectl, policy: ProofPolicy, release: Release, uploader: str) -> tuple[Object, ...]:
    manifests = velero_install.manifests(_NO_KEYS, release, uploader)
    ours = {name_of(thing): thing for thing in manifests if thing["kind"] == "CustomResourceDefinition"}
    served = {name: get_object(kubectl, "customresourcedefinition", name) for name in ours}
    found = {name: kind for name, kind in served.items() if kind is not None}
    if other := [name for name, kind in found.items() if _schemas(kind) != _schemas(ours[name])]:
        raise Misconfigured(
            f"the context {policy.context} has Velero's CRDs of another version than {release.server_image}, and "
            f"drillproof does not change them: {', '.join(other)}; prove without --context"
        )
    lacking = tuple(kind for name, kind in ours.items() if name not in found)
    if lacking and not policy.makes_crds:
        names = ", ".join(name_of(kind) for kind in lacking)
        raise Misconfigured(
            f"the context {policy.context} lacks CRDs of Velero: {names}; set `make_crds = true` in the "
            "configuration (they stay), or let an administrator create them: `velero install --crds-only`"
        )
    return lacking


def _schemas(kind: Object) -> Mapping[str, Json]:
    return {text(each, "name"): at(each, "schema") for each in items(kind, "spec", "versions")}


def _is_removed(storage_class: Object, policy: ProofPolicy) -> None:
    if (reclaim := text(storage_class, "reclaimPolicy")) not in {"", "Delete"}:
        raise Misconfigured(
            f"the StorageClass {policy.storage_class} of the context {policy.context} has the reclaimPolicy "
            f"{reclaim}: what is restored would stay there; name one with Delete"
        )


def _release(policy: ProofPolicy) -> Release:
    found = cached_program("velero") or shutil.which("velero")
    known = versions.load()
    pinned = known.lanes[known.lane].version
    if not found or pinned not in run([found, "version", "--client-only"]).stdout:
        raise Misconfigured(f"there is no `velero` {pinned} in the PATH, which generates the manifests; install it")
    server, plugin = (policy.image(_image(name)) for name in ("velero", "velero-plugin-for-aws"))
    return Release(Path(found), server, plugin, Path)  # a proof checks no repository


def _image(name: str) -> str:
    return versions.load().images[name].ref
