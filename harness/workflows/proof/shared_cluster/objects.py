"""The objects that a proof makes on a cluster of others: of clusters/objects.yaml, and Velero's."""

import math
from collections.abc import Iterable
from secrets import token_hex

from harness.backups import velero_install
from harness.backups.object_store import BUCKET, ObjectStore
from harness.backups.velero_install import Release
from harness.clusters.permissions_file import ProofPolicy
from harness.core.json import mapping
from harness.core.kubernetes import Object
from harness.core.objects import labelled, made
from harness.workflows.permissions import PROOF_ACCOUNT, PROOF_VELERO_ROLE

STORE, PROBE = "store", "probe"
PORT = 9000
REGION = "minio"

_ROOM = 1.25
"""Of the store's volume for each byte of the backup; and 1 GiB: what Velero writes, and what MinIO keeps free."""


def namespaces(policy: ProofPolicy, restored: Iterable[str], run: str) -> tuple[Object, ...]:
    """The proof's own, in which Velero's node agents may see the nodes' volumes, and those that are restored into."""
    standards = {policy.namespace: "privileged", **dict.fromkeys(map(policy.renamed, restored), "baseline")}
    return tuple(made("proof-namespace", name=name, standard=each, run=run) for name, each in standards.items())


def velero_binding(policy: ProofPolicy, namespace: str, run: str) -> Object:
    whose = {"role": PROOF_VELERO_ROLE, "account": PROOF_ACCOUNT, "velero": policy.namespace}
    return made("velero-binding", namespace=namespace, run=run, **whose)


def object_store(policy: ProofPolicy) -> ObjectStore:
    """MinIO as pods of the cluster reach it, with new keys; from here it is reached by a forward."""
    inside = f"http://{STORE}.{policy.namespace}.svc:{PORT}"
    return ObjectStore(inside, "", BUCKET, token_hex(8), token_hex(20), REGION)


def store(policy: ProofPolicy, keys: ObjectStore, image: str, size: int, run: str) -> tuple[Object, ...]:
    """MinIO, with a volume for a backup of `size` bytes."""
    values = {
        "namespace": policy.namespace,
        "run": run,
        "access_key": keys.access_key,
        "secret_key": keys.secret_key,
        "storage_class": policy.storage_class,
        "storage": f"{math.ceil(1 + _ROOM * size / 2**30)}Gi",
        "image": policy.image(image),
    }
    return tuple(made(name, **values) for name in ("store-keys", "store-claim", "store-service", STORE))


def velero(policy: ProofPolicy, keys: ObjectStore, release: Release, uploader: str, run: str) -> tuple[Object, ...]:
    """What `velero install` would make in the proof's namespace, but for what holds in the whole cluster."""
    skipped = {"CustomResourceDefinition", "ClusterRoleBinding", "Namespace"}
    found = velero_install.manifests(keys, release, uploader, policy.namespace, "--disable-informer-cache")
    ours = [labelled(each, run) for each in found if each["kind"] not in skipped]
    for thing in ours:
        if thing["kind"] == "BackupStorageLocation":
            # The backup may have expired, and Velero would delete it; a copy needs no changes.
            thing["spec"] = {**mapping(thing, "spec"), "accessMode": "ReadOnly"}
    return tuple(ours)


def crds(keys: ObjectStore, release: Release, uploader: str) -> tuple[Object, ...]:
    found = velero_install.manifests(keys, release, uploader)
    return tuple(each for each in found if each["kind"] == "CustomResourceDefinition")


def storage_classes(policy: ProofPolicy, classes: Iterable[str], run: str) -> Object:
    """What gives all volumes the one storage class that is allowed."""
    others = dict.fromkeys(sorted(set(classes) - {"", policy.storage_class}), policy.storage_class)
    return labelled(velero_install.class_mapping(others, policy.namespace), run)
