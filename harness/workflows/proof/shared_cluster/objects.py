"""Every object that a proof makes on a cluster of others, but for Velero's kinds; each bears the proof's label."""

import math
from collections.abc import Iterable, Mapping
from secrets import token_hex

from harness.backups import velero_install
from harness.backups.object_store import BUCKET, ObjectStore
from harness.backups.velero_install import Release
from harness.clusters.permissions_file import ProofPolicy
from harness.clusters.rbac import RBAC
from harness.core.json import mapping
from harness.core.kubernetes import LABEL, Object
from harness.core.model import Json
from harness.workflows.permissions import PROOF_ACCOUNT, PROOF_VELERO_ROLE

STORE, PROBE = "store", "probe"
PORT = 9000
REGION = "minio"

_POLICY = "pod-security.kubernetes.io/enforce"
_EXCLUDE = "velero.io/exclude-from-backup"
_ROOM = 1.25
"""Of the store's volume for each byte of the backup; and 1 GiB: what Velero writes, and what MinIO keeps free."""


def namespaces(policy: ProofPolicy, restored: Iterable[str], run: str) -> tuple[Object, ...]:
    """The proof's own, in which Velero's node agents may see the nodes' volumes, and those that are restored into."""
    levels = {policy.namespace: "privileged", **dict.fromkeys(map(policy.renamed, restored), "baseline")}

    def namespace(name: str, level: str) -> Object:
        labels: Json = {LABEL: run, _POLICY: level, _EXCLUDE: "true"}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}

    return tuple(namespace(name, level) for name, level in levels.items())


def velero_binding(policy: ProofPolicy, namespace: str, run: str) -> Object:
    """What lets the proof's Velero into one of its namespaces."""
    return _thing(
        *("RoleBinding", "drillproof-velero", namespace, run),
        api=f"{RBAC}/v1",
        roleRef={"apiGroup": RBAC, "kind": "ClusterRole", "name": PROOF_VELERO_ROLE},
        subjects=[{"kind": "ServiceAccount", "name": PROOF_ACCOUNT, "namespace": policy.namespace}],
    )


def isolation(namespace: str, run: str) -> Object:
    """Pods of a restored namespace reach those of this proof and the cluster's names, and are reached by no others."""
    ours: Json = {"namespaceSelector": {"matchLabels": {LABEL: run, _POLICY: "baseline"}}}
    names: Json = {
        "to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }
    return _thing(
        *("NetworkPolicy", "drillproof", namespace, run),
        api="networking.k8s.io/v1",
        spec={
            "podSelector": {},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [ours]}],
            "egress": [{"to": [ours]}, names],
        },
    )


def object_store(policy: ProofPolicy) -> ObjectStore:
    """MinIO as pods of the cluster reach it, with new keys; from here it is reached by a forward."""
    inside = f"http://{STORE}.{policy.namespace}.svc:{PORT}"
    return ObjectStore(inside, "", BUCKET, token_hex(8), token_hex(20), REGION)


def store(policy: ProofPolicy, keys: ObjectStore, image: str, size: int, run: str) -> tuple[Object, ...]:
    """MinIO, with a volume for a backup of `size` bytes."""
    gib = math.ceil(1 + _ROOM * size / 2**30)
    claim: Json = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": policy.storage_class,
        "resources": {"requests": {"storage": f"{gib}Gi"}},
    }
    more: dict[str, Json] = {
        "env": [{"name": "MINIO_UPDATE", "value": "off"}, {"name": "MINIO_BROWSER", "value": "off"}],
        "envFrom": [{"secretRef": {"name": STORE}}],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/minio/health/ready", "port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volumes: Json = [{"name": "data", "persistentVolumeClaim": {"claimName": STORE}}]
    where = (STORE, policy.namespace, run)
    secret = {"MINIO_ROOT_USER": keys.access_key, "MINIO_ROOT_PASSWORD": keys.secret_key}
    return (
        _thing("Secret", *where, stringData=secret),
        _thing("PersistentVolumeClaim", *where, spec=claim),
        _thing("Service", *where, spec={"selector": {"app": STORE}, "ports": [{"port": PORT}]}),
        _pod(*where, image=policy.image(image), command=["minio", "server", "/data"], more=more, volumes=volumes),
    )


def probe(policy: ProofPolicy, namespace: str, image: str, run: str) -> Object:
    """A pod from which is tried what its namespace lets out. It waits, and does nothing by itself."""
    command: Json = ["sh", "-c", "trap exit TERM; sleep 86400 & wait"]
    return _pod(PROBE, namespace, run, image=policy.image(image), command=command)


def velero(policy: ProofPolicy, keys: ObjectStore, release: Release, uploader: str, run: str) -> tuple[Object, ...]:
    """What `velero install` would make in the proof's namespace, but for what holds in the whole cluster."""
    skipped = {"CustomResourceDefinition", "ClusterRoleBinding", "Namespace"}
    found = velero_install.manifests(keys, release, uploader, policy.namespace, "--disable-informer-cache")
    ours = [_labelled(each, run) for each in found if each["kind"] not in skipped]
    for thing in ours:
        if thing["kind"] == "BackupStorageLocation":
            # The backup may have expired, and Velero would delete it; a copy needs no changes.
            thing["spec"] = {**mapping(thing, "spec"), "accessMode": "ReadOnly"}
    return tuple(ours)


def crds(keys: ObjectStore, release: Release, uploader: str) -> tuple[Object, ...]:
    """Velero's kinds."""
    found = velero_install.manifests(keys, release, uploader)
    return tuple(each for each in found if each["kind"] == "CustomResourceDefinition")


def storage_classes(policy: ProofPolicy, classes: Iterable[str], run: str) -> Object:
    """What gives all volumes the one storage class that is allowed."""
    others = dict.fromkeys(sorted(set(classes) - {"", policy.storage_class}), policy.storage_class)
    return _labelled(velero_install.class_mapping(others, policy.namespace), run)


def repository_password(policy: ProofPolicy, password: str, run: str) -> Object:
    """What opens the repositories, where it is not what Velero always takes."""
    content: Json = {"repository-password": password}
    return _thing("Secret", "velero-repo-credentials", policy.namespace, run, stringData=content)


def _thing(kind: str, name: str, namespace: str, run: str, api: str = "v1", **content: Json) -> Object:
    labels: Json = {LABEL: run, "app": name, _EXCLUDE: "true"}
    metadata: Json = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}


def _labelled(thing: Object, run: str) -> dict[str, Json]:
    labels = {**mapping(thing, "metadata", "labels"), LABEL: run}
    return {**thing, "metadata": {**mapping(thing, "metadata"), "labels": labels}}


def _pod(*where: str, image: str, command: Json, more: Mapping[str, Json] | None = None, **spec: Json) -> Object:
    """A pod of one container; `where` are its name, its namespace and the run."""
    container: Json = {
        "name": where[0],
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}},
        **(more or {}),
    }
    spec |= {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 5, "restartPolicy": "Always"}
    return _thing("Pod", *where, spec={**spec, "containers": [container]})
