"""The rights of a proof on a cluster of others, and of its Velero; clusters/prove/rbac.yaml grants just these."""

from __future__ import annotations

from harness.clusters.rbac import RBAC, Right
from harness.workflows.proof.shared_cluster.config import Permit

INSIDE = "drillproof-prove-inside"
VELERO_INSIDE = "drillproof-prove-velero-inside"
"""ClusterRoles that the proof binds to itself, and to its Velero, in each namespace that it has made."""

ACCOUNT = "velero"
"""The ServiceAccount of the proof's own Velero."""

CRDS = (
    *("backuprepositories", "backups", "backupstoragelocations", "deletebackuprequests", "downloadrequests"),
    *("podvolumebackups", "podvolumerestores", "restores", "schedules", "serverstatusrequests"),
    *("volumesnapshotlocations", "datadownloads", "datauploads"),
)

_WATCH = ("get", "list", "watch")


def outside(permit: Permit) -> tuple[Right, ...]:
    """What is needed beside the proof's namespaces."""
    crds = "customresourcedefinitions"
    return (
        Right("create", "namespaces"),
        *(Right(verb, "namespaces", name=name) for name in permit.all for verb in (*_WATCH, "delete")),
        Right("list", "persistentvolumes"),
        Right("get", "storageclasses", "storage.k8s.io"),
        *(Right("get", crds, "apiextensions.k8s.io", f"{kind}.velero.io") for kind in CRDS),
        *((Right("create", crds, "apiextensions.k8s.io"),) if permit.makes_crds else ()),
        # Whether Velero's account has what it needs is asked before there is that account.
        Right("create", "subjectaccessreviews", "authorization.k8s.io"),
        Right("create", "rolebindings", RBAC),
        *(Right(verb, "clusterroles", RBAC, role) for role in (INSIDE, VELERO_INSIDE) for verb in ("get", "bind")),
    )


def inside(namespace: str) -> tuple[Right, ...]:
    """What is needed in each of them: to read all, and to make what the proof itself makes."""
    made = {
        "": ("configmaps", "secrets", "services", "serviceaccounts", "persistentvolumeclaims", "pods"),
        "apps": ("deployments", "daemonsets"),
        "networking.k8s.io": ("networkpolicies",),
        "velero.io": ("backupstoragelocations", "restores"),
    }
    return (
        *(Right(verb, "*", "*", namespace=namespace) for verb in _WATCH),
        *(Right("create", kind, group, namespace=namespace) for group, kinds in made.items() for kind in kinds),
        *(Right("create", kind, namespace=namespace) for kind in ("pods/exec", "pods/portforward")),
        Right("delete", "pods", namespace=namespace),
        # A restore has a finalizer that holds its namespace once no Velero is left there.
        *(Right(verb, "restores", "velero.io", namespace=namespace) for verb in ("patch", "delete")),
    )


def velero_outside() -> tuple[Right, ...]:
    """What Velero reads in the whole cluster, and cannot do without.

    Its node agents (1.16) keep what they look at in a cache that knows no namespace: so they ask for Secrets and claims
    everywhere, though they use those of this proof.
    """
    records = ("backuprepositories", "backupstoragelocations", "podvolumebackups", "podvolumerestores")
    return (
        *(
            Right(verb, kind)
            for kind in ("nodes", "persistentvolumeclaims", "persistentvolumes", "pods", "secrets")
            for verb in _WATCH
        ),
        *(Right(verb, kind, "storage.k8s.io") for kind in ("csidrivers", "storageclasses") for verb in _WATCH),
        *(Right(verb, kind, "velero.io") for kind in (*records, "datadownloads", "datauploads") for verb in _WATCH),
    )


def velero_inside(namespace: str) -> tuple[Right, ...]:
    """What Velero does in each of them: keep its records, and restore."""
    restored = {
        "": ("configmaps", "persistentvolumeclaims", "pods", "secrets", "serviceaccounts"),
        "apps": ("deployments", "replicasets", "statefulsets"),
    }
    return (
        *(Right(verb, "*", "*", namespace=namespace) for verb in _WATCH),
        *(
            Right(verb, kind, group, namespace=namespace)
            for group, kinds in restored.items()
            for kind in kinds
            for verb in ("create", "patch", "update")
        ),
        *(Right(verb, "*", "velero.io", namespace=namespace) for verb in ("create", "patch", "update", "delete")),
        *(Right(verb, "events", namespace=namespace) for verb in ("create", "patch")),
        Right("create", "pods/exec", namespace=namespace),  # hooks of a restore
    )
