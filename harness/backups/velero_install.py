"""Installs Velero: applies the manifests that its CLI prints, tuned, and waits until it is ready."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.backups.object_store import ObjectStore
from harness.core.errors import ToolFailed
from harness.core.json import integer, text
from harness.core.kubernetes import Object, RunsKubectl, objects
from harness.core.objects import made, together
from harness.core.process import run
from harness.core.wait import NotYet, until

NAMESPACE = "velero"
MAX_LOG_BYTES = 2_000_000
READY_S = 180.0
# What differs from Velero's defaults, and why it changes nothing that a drill judges: requests, so that it fits
# next to nine members on two cores, and no limits, so that a small machine does not slow the copy down. That a new
# cluster learns of old backups only after up to a minute cannot be tuned (the controller looks no more often,
# whatever the location's backupSyncPeriod says), so it is part of a recovery.
_TUNING = (
    *("--velero-pod-cpu-request=50m", "--velero-pod-cpu-limit=0", "--velero-pod-mem-request=96Mi"),
    *("--velero-pod-mem-limit=0", "--node-agent-pod-cpu-request=20m", "--node-agent-pod-mem-request=64Mi"),
)

_NOWHERE = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:9"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": ""}}],
    "current-context": "none",
}
"""A kubeconfig. Velero 1.18 reads one even if it only prints, and the user's own is not for it."""


@dataclass(frozen=True)
class Release:
    """Which Velero."""

    cli: Path
    server_image: str
    plugin_image: str
    kopia_check: Callable[[], Path]  # builds the program unless it exists. Misconfigured
    backs_up: tuple[str, ...] = ()  # its uploaders; () if all can be asked for


def install(kubectl: RunsKubectl, store: ObjectStore, release: Release, uploader: str, *more: str) -> None:
    """Apply it all and return when the server, an agent on every worker and the bucket are available. TimedOut.

    `more` are further options of `velero install`.
    """
    wanted = manifests(store, release, uploader, NAMESPACE, *more)
    kinds = [thing for thing in wanted if thing["kind"] == "CustomResourceDefinition"]
    _apply(kubectl, kinds)
    kubectl("wait", "--for=condition=Established", "crd", "--selector=component=velero", "--timeout=30s")
    _apply(kubectl, [thing for thing in wanted if thing not in kinds])
    until(lambda: ready(kubectl), waited_for="Velero to be ready", within_s=READY_S)


def map_storage_classes(kubectl: RunsKubectl, classes: Mapping[str, str]) -> None:
    """Map these storage classes at every restore."""
    kubectl("apply", "-f", "-", stdin=json.dumps(class_mapping(classes)))


def class_mapping(classes: Mapping[str, str], namespace: str = NAMESPACE) -> Object:
    """The ConfigMap that makes Velero map them."""
    return made("storage-classes", namespace=namespace, classes=dict(classes))


def manifests(
    store: ObjectStore, release: Release, uploader: str, namespace: str = NAMESPACE, *more: str
) -> tuple[Object, ...]:
    """What `velero install` would create, with these options `more`.

    With its own uploader, where it only restores what `uploader` copied.
    """
    own = uploader if uploader in release.backs_up else next(iter(release.backs_up), uploader)
    with tempfile.TemporaryDirectory() as folder:
        secret, nowhere = Path(folder, "credentials"), Path(folder, "kubeconfig")
        secret.write_text(
            f"[default]\naws_access_key_id={store.access_key}\naws_secret_access_key={store.secret_key}\n"
        )
        nowhere.write_text(json.dumps(_NOWHERE))
        printed = run(
            [
                *(release.cli, "install", "--dry-run", "--output=json", f"--namespace={namespace}"),
                *("--provider=aws", f"--image={release.server_image}", f"--plugins={release.plugin_image}"),
                *(f"--bucket={store.bucket}", f"--secret-file={secret}"),
                f"--backup-location-config=region=minio,s3ForcePathStyle=true,s3Url={store.inside}",
                *("--use-node-agent", "--use-volume-snapshots=false", f"--uploader-type={own}", *_TUNING, *more),
            ],
            env={"KUBECONFIG": str(nowhere)},
        ).stdout
    start = printed.find("{")  # a warning that restic is deprecated may come before
    try:
        found = json.loads(printed[start:])["items"]
    except (ValueError, KeyError) as error:
        raise ToolFailed([str(release.cli), "install", "--dry-run"], 0, printed[:500]) from error
    return tuple(found)


def _apply(kubectl: RunsKubectl, wanted: Sequence[Object]) -> None:
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=together(wanted))


def ready(kubectl: RunsKubectl, namespace: str = NAMESPACE) -> None:
    """Return if it is ready; else NotYet, with what is missing."""
    found = objects(kubectl, "deployments,daemonsets,backupstoragelocations.velero.io", f"--namespace={namespace}")
    state = {text(thing, "kind"): thing for thing in found}
    server = integer(state.get("Deployment"), "status", "availableReplicas")
    agents = integer(state.get("DaemonSet"), "status", "numberReady")
    workers = integer(state.get("DaemonSet"), "status", "desiredNumberScheduled")
    bucket = text(state.get("BackupStorageLocation"), "status", "phase")
    if not server or not workers or agents < workers or bucket != "Available":
        raise NotYet(f"{server} of 1 server, {agents} of {workers} agents, bucket {bucket or 'not seen'}")
