"""The permissions of each workflow on a shared cluster; clusters/{existing,prove,migrate}/ grant exactly these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.backups.velero_install import NAMESPACE as VELERO
from harness.clusters.cluster_pin import NAMESPACE as CLUSTER
from harness.clusters.permissions_file import ProofPolicy
from harness.clusters.rbac import RBAC, NamespaceRole, Permission, permissions

_READ = "get list watch"

# ---------------------------------------------------------------- drills


def drill_outside(namespace: str, velero: str) -> tuple[Permission, ...]:
    """What a drill needs outside its own namespace: to create and remove that, and to use the existing Velero."""
    return (
        Permission("create", "namespaces"),
        *permissions(f"{_READ} patch delete", "namespaces", name=namespace),
        Permission("get", "namespaces", name=CLUSTER),
        # The UIDs of lost claims and volumes show that they are gone, also when the namespace is.
        *permissions("list", "persistentvolumes persistentvolumeclaims"),
        Permission("get", "storageclasses", "storage.k8s.io"),
        Permission("get", "deployments", "apps", "velero", velero),
        Permission("get", "daemonsets", "apps", "node-agent", velero),
        Permission("list", "secrets", "", "velero-repo-credentials", velero),
        Permission("get", "backupstoragelocations", "velero.io", namespace=velero),
        *permissions("create list", "backups restores deletebackuprequests", "velero.io", namespace=velero),
        *permissions("list", "podvolumebackups podvolumerestores", "velero.io", namespace=velero),
    )


def drill_inside(namespace: str) -> tuple[Permission, ...]:
    """What a drill needs in its own namespace: to read everything, and to create and break what is in it."""
    return (
        *permissions(_READ, "*", "*", namespace=namespace),
        *permissions("create patch delete", "configmaps secrets pods", namespace=namespace),
        *permissions("create patch", "services", namespace=namespace),
        Permission("delete", "persistentvolumeclaims", namespace=namespace),
        *permissions("create", "pods/exec pods/portforward", namespace=namespace),
        *permissions("create patch delete", "statefulsets", "apps", namespace=namespace),
        Permission("patch", "statefulsets/scale", "apps", namespace=namespace),
    )


# ---------------------------------------------------------------- proofs

PROOF_ROLE = "drillproof-prove-inside"
PROOF_VELERO_ROLE = "drillproof-prove-velero-inside"
"""ClusterRoles that a proof binds to itself, and to its Velero, in each namespace that it creates."""

PROOF_ACCOUNT = "velero"
"""The ServiceAccount of the proof's own Velero."""

_CRDS = (
    "backuprepositories backups backupstoragelocations deletebackuprequests downloadrequests podvolumebackups "
    "podvolumerestores restores schedules serverstatusrequests volumesnapshotlocations datadownloads datauploads"
)


def proof_outside(policy: ProofPolicy) -> tuple[Permission, ...]:
    """What a proof needs outside its namespaces."""
    crds, group = "customresourcedefinitions", "apiextensions.k8s.io"
    return (
        Permission("create", "namespaces"),
        *(permission for name in policy.all for permission in permissions(f"{_READ} delete", "namespaces", name=name)),
        Permission("get", "namespaces", name=CLUSTER),
        Permission("list", "persistentvolumes"),
        Permission("get", "storageclasses", "storage.k8s.io"),
        *(Permission("get", crds, group, f"{kind}.velero.io") for kind in _CRDS.split()),
        *((Permission("create", crds, group),) if policy.makes_crds else ()),
        # Whether Velero's account has its permissions is reviewed before that account exists.
        Permission("create", "subjectaccessreviews", "authorization.k8s.io"),
        Permission("create", "rolebindings", RBAC),
        *(
            permission
            for role in (PROOF_ROLE, PROOF_VELERO_ROLE)
            for permission in permissions("get bind", "clusterroles", RBAC, role)
        ),
    )


def proof_inside(namespace: str) -> NamespaceRole:
    """What a proof needs in each of its namespaces: to read everything, and to create its own objects."""
    core = "configmaps secrets services serviceaccounts persistentvolumeclaims pods pods/exec pods/portforward"
    return NamespaceRole(
        namespace,
        PROOF_ROLE,
        (
            *permissions(_READ, "*", "*", namespace=namespace),
            *permissions("create", core, namespace=namespace),
            *permissions("create", "deployments daemonsets", "apps", namespace=namespace),
            *permissions("create", "networkpolicies", "networking.k8s.io", namespace=namespace),
            Permission("create", "backupstoragelocations", "velero.io", namespace=namespace),
            Permission("delete", "pods", namespace=namespace),
            # The finalizer of a restore blocks the namespace once its Velero is gone.
            *permissions("create patch delete", "restores", "velero.io", namespace=namespace),
        ),
    )


def proof_velero_outside() -> tuple[Permission, ...]:
    """What the proof's Velero must read in the whole cluster.

    Its node agents (1.16) have a cache without namespaces: so they ask for Secrets and claims everywhere, though they
    use only those of the proof.
    """
    records = "backuprepositories backupstoragelocations podvolumebackups podvolumerestores datadownloads datauploads"
    return (
        *permissions(_READ, "nodes persistentvolumeclaims persistentvolumes pods secrets"),
        *permissions(_READ, "csidrivers storageclasses", "storage.k8s.io"),
        *permissions(_READ, records, "velero.io"),
    )


def proof_velero_inside(namespace: str) -> tuple[Permission, ...]:
    """What the proof's Velero does in each of its namespaces: keep its records, and restore."""
    core = "configmaps persistentvolumeclaims pods secrets serviceaccounts"
    return (
        *permissions(_READ, "*", "*", namespace=namespace),
        *permissions("create patch update", core, namespace=namespace),
        *permissions("create patch update", "deployments replicasets statefulsets", "apps", namespace=namespace),
        *permissions("create patch update delete", "*", "velero.io", namespace=namespace),
        *permissions("create patch", "events", namespace=namespace),
        Permission("create", "pods/exec", namespace=namespace),  # hooks of a restore
    )


# ---------------------------------------------------------------- migrations

MIGRATION_ROLE = "drillproof-migrate"
"""The ClusterRole for the namespace: bound by the administrator at the source, and by drillproof at the target."""

_GROUPS = {"deployment": "apps", "statefulset": "apps", "cronjob": "batch"}


def migration_source(namespaces: Sequence[str], read: Mapping[str, str]) -> tuple[Permission, ...]:
    """What is needed outside the source's namespace; to `read` are kinds of the whole cluster with their groups."""
    return (
        *(Permission("list", "namespaces", name=name) for name in namespaces),
        *(Permission("list", kind, group) for kind, group in read.items()),
        *_migration_velero("podvolumebackups"),
        Permission("create", "backups", "velero.io", namespace=VELERO),
    )


def migration_target(
    namespace: str, cluster: str, read: Mapping[str, str], *, maps_classes: bool
) -> tuple[Permission, ...]:
    """What is needed outside the target's namespace, and to create and remove it; `cluster` identifies the cluster."""
    mapping = (
        Permission("create", "configmaps", namespace=VELERO),
        *permissions("get patch delete", "configmaps", "", "storage-classes", VELERO),
    )
    return (
        Permission("list", "namespaces", name=cluster),
        *permissions("list delete", "namespaces", name=namespace),
        Permission("create", "namespaces"),
        *(Permission("list", kind, group) for kind, group in read.items()),
        Permission("list", "persistentvolumes"),
        *_migration_velero("podvolumerestores"),
        *permissions("create list", "restores", "velero.io", namespace=VELERO),
        *(mapping if maps_classes else ()),
    )


def migration_inside(namespace: str, writers: Sequence[str]) -> NamespaceRole:
    """What is needed in the namespace at either end: to read it, query its databases, and stop its writers."""
    stopped = (writer.partition("/") for writer in writers)
    return NamespaceRole(
        namespace,
        MIGRATION_ROLE,
        (
            Permission("list", "*", "*", namespace=namespace),
            *permissions("get", "pods pods/log", namespace=namespace),
            Permission("create", "pods/exec", namespace=namespace),
            *(
                permission
                for kind, _, name in stopped
                for permission in permissions("get patch", f"{kind}s", _GROUPS[kind], name, namespace)
            ),
        ),
    )


def _migration_velero(copies: str) -> tuple[Permission, ...]:
    """To read a Velero's state and its records of copies."""
    return (
        *permissions("list", "deployments daemonsets", "apps", namespace=VELERO),
        Permission("list", "configmaps", namespace=VELERO),
        Permission("list", "secrets", name="velero-repo-credentials", namespace=VELERO),
        *permissions("list", f"backupstoragelocations backups {copies}", "velero.io", namespace=VELERO),
    )
