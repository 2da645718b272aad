"""Every object that a proof makes on a cluster of others, but for Velero's kinds; each bears the proof's label."""

from __future__ import annotations

import math
from collections.abc import Iterable
from secrets import token_hex

from harness.backups import velero_install
from harness.backups.object_store import BUCKET, ObjectStore
from harness.backups.velero_install import Release
from harness.clusters.permissions_file import ProofPolicy
from harness.clusters.rbac import RBAC
from harness.core.json import items, text
from harness.core.kubernetes import LABEL, Object
from harness.core.model import Json
from harness.workflows.permissions import PROOF_ACCOUNT, PROOF_VELERO_ROLE

STORE, PROBE = "store", "probe"
PORT = 9000
REGION = "minio"

_POLICY = "pod-security.kubernetes.io/enforce"
_ROOM = 1.25
"""Of the store's volume for each byte of the backup; and 1 GiB: what Velero writes, and what MinIO keeps free."""


def namespaces(policy: ProofPolicy, restored: Iterable[str], run: str) -> tuple[Object, ...]:
    """The proof's own, in which Velero's node agents may see the nodes' volumes, and those that are restored into."""
    return (
        _namespace(policy.namespace, "privileged", run),
        *(_namespace(policy.renamed(each), "baseline", run) for each in restored),
    )


def velero_binding(policy: ProofPolicy, namespace: str, run: str) -> Object:
    """What lets the proof's Velero into one of its namespaces."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "drillproof-velero", "namespace": namespace, "labels": {LABEL: run}},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": PROOF_VELERO_ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": PROOF_ACCOUNT, "namespace": policy.namespace}],
    }


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
    container: Json = {
        **_container(STORE, policy.image(image), ["minio", "server", "/data"]),
        "env": [{"name": "MINIO_UPDATE", "value": "off"}, {"name": "MINIO_BROWSER", "value": "off"}],
        "envFrom": [{"secretRef": {"name": STORE}}],
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/minio/health/ready", "port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volumes: Json = [{"name": "data", "persistentVolumeClaim": {"claimName": STORE}}]
    where = (policy.namespace, run)
    secret = {"MINIO_ROOT_USER": keys.access_key, "MINIO_ROOT_PASSWORD": keys.secret_key}
    return (
        _thing("Secret", STORE, *where, stringData=secret),
        _thing("PersistentVolumeClaim", STORE, *where, spec=claim),
        _thing("Service", STORE, *where, spec={"selector": {"app": STORE}, "ports": [{"port": PORT}]}),
        _thing("Pod", STORE, *where, spec={**_alone(), "containers": [container], "volumes": volumes}),
    )


def probe(policy: ProofPolicy, namespace: str, image: str, run: str) -> Object:
    """A pod from which is tried what its namespace lets out. It waits, and does nothing by itself."""
    container = _container(PROBE, policy.image(image), ["sh", "-c", "trap exit TERM; sleep 86400 & wait"])
    return _thing("Pod", PROBE, namespace, run, spec={**_alone(), "containers": [container]})


def velero(policy: ProofPolicy, keys: ObjectStore, release: Release, uploader: str, run: str) -> tuple[Object, ...]:
    """What `velero install` would make in the proof's namespace, but for what holds in the whole cluster."""
    ours: list[Object] = []
    for each in velero_install.manifests(keys, release, uploader, policy.namespace, "--disable-informer-cache"):
        if each["kind"] in {"CustomResourceDefinition", "ClusterRoleBinding", "Namespace"}:
            continue
        thing = _labelled(each, run)
        if each["kind"] == "BackupStorageLocation":
            # The backup may have expired, and Velero would delete it; a copy needs no changes.
            thing["spec"] = {**_mapping(each["spec"]), "accessMode": "ReadOnly"}
        ours.append(thing)
    return tuple(ours)


def crds(keys: ObjectStore, release: Release, uploader: str) -> tuple[Object, ...]:
    """Velero's kinds."""
    found = velero_install.manifests(keys, release, uploader)
    return tuple(each for each in found if each["kind"] == "CustomResourceDefinition")


def storage_classes(policy: ProofPolicy, classes: Iterable[str], run: str) -> Object:
    """What gives all volumes the one storage class that is allowed."""
    mapping = dict.fromkeys(sorted(set(classes) - {"", policy.storage_class}), policy.storage_class)
    return _labelled(velero_install.class_mapping(mapping, policy.namespace), run)


def repository_password(policy: ProofPolicy, password: str, run: str) -> Object:
    """What opens the repositories, where it is not what Velero always takes."""
    return _thing(
        "Secret", "velero-repo-credentials", policy.namespace, run, stringData={"repository-password": password}
    )


def images(things: Iterable[Object]) -> tuple[str, ...]:
    """Every image that these pods and what makes pods name."""
    found: set[str] = set()
    for thing in things:
        for path in (("spec",), ("spec", "template", "spec")):
            for kind in ("initContainers", "containers"):
                found |= {text(container, "image") for container in items(thing, *path, kind)}
    return tuple(sorted(found))


def _namespace(name: str, policy: str, run: str) -> Object:
    labels: Json = {LABEL: run, _POLICY: policy, "velero.io/exclude-from-backup": "true"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _thing(kind: str, name: str, namespace: str, run: str, api: str = "v1", **content: Json) -> Object:
    labels: Json = {LABEL: run, "app": name, "velero.io/exclude-from-backup": "true"}
    metadata: Json = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **content}


def _labelled(thing: Object, run: str) -> dict[str, Json]:
    metadata = _mapping(thing["metadata"])
    return {**thing, "metadata": {**metadata, "labels": {**_mapping(metadata.get("labels") or {}), LABEL: run}}}


def _mapping(value: Json) -> dict[str, Json]:
    assert isinstance(value, dict)
    return value


def _container(name: str, image: str, command: list[Json]) -> dict[str, Json]:
    requests: Json = {"cpu": "20m", "memory": "64Mi"}
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "resources": {"requests": requests},
    }


def _alone() -> dict[str, Json]:
    return {"automountServiceAccountToken": False, "terminationGracePeriodSeconds": 5, "restartPolicy": "Always"}
