"""Storage whose snapshots are atomic, on a cluster of ours: the CSI driver of clusters/images/csi-btrfs.

A snapshot is on the node of its volume, and only that node's snapshotter knows it. Velero's data mover can read it from
1.18 on: 1.16 drops the label that names the node, so its copy of the snapshot is never ready; 1.17 keeps the label and
does not choose the node, so its pod starts only where the scheduler happens to pick it.
"""

import tarfile
from collections.abc import Collection, Iterable, Mapping

from harness.backups.backup_selection import volumes_to_copy
from harness.clusters.images.builder import ImageBuilder
from harness.clusters.images.images import build_lock
from harness.clusters.images.versions import Versions
from harness.core import resources
from harness.core.json import integer, items, mapping, text
from harness.core.kubernetes import Object, RunsKubectl, claims_of, name_of, objects
from harness.core.model import Json
from harness.core.wait import NotYet, until

IMAGES = ("csi-btrfs", "csi-provisioner", "csi-snapshotter", "snapshot-controller")
"""Those of versions.toml's `extras` that it needs."""

DRIVER = "btrfs.csi.drillproof"
CLASS = "btrfs"
"""The name of its StorageClass and of its VolumeSnapshotClass."""

NAMESPACE = "csi-btrfs"
MANIFEST = resources.clusters() / "csi" / "driver.yaml"
READY_S = 180.0

_KINDS = ("volumesnapshotclasses", "volumesnapshotcontents", "volumesnapshots")


def install(kubectl: RunsKubectl, versions: Versions) -> None:
    """Apply it all, on nodes that have its images; return when every worker makes volumes and snapshots. TimedOut."""
    apply(kubectl, versions)
    until(lambda: ready(kubectl), waited_for="the CSI driver to be ready", within_s=READY_S)


def apply(kubectl: RunsKubectl, versions: Versions) -> None:
    """Apply the manifests, first the definitions of the snapshots' kinds, which the snapshotter's module has."""
    files = files_of(versions, "snapshot-crds")
    kinds = [files[f"/snapshot.storage.k8s.io_{kind}.yaml"].decode() for kind in _KINDS]
    kubectl("apply", "--server-side", "-f", "-", stdin="\n---\n".join(kinds))
    names = [f"crd/{kind}.snapshot.storage.k8s.io" for kind in _KINDS]
    kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
    kubectl("apply", "-f", "-", stdin=MANIFEST.read_text(encoding="utf-8"))


def ready(kubectl: RunsKubectl) -> None:
    """Return if the driver and what is beside it run on every worker, and every kubelet knows it; else NotYet."""
    registered = {
        name_of(node)
        for node in objects(kubectl, "csinodes")
        if any(text(each, "name") == DRIVER for each in items(node, "spec", "drivers"))
    }
    workers = {name_of(node) for node in objects(kubectl, "nodes", "--selector=!node-role.kubernetes.io/control-plane")}
    (driver,) = objects(kubectl, "daemonsets", f"--namespace={NAMESPACE}")
    (controller,) = objects(kubectl, "deployments", f"--namespace={NAMESPACE}")
    missing = sorted(workers - registered)
    if integer(driver, "status", "numberReady") < len(workers):
        missing.append(name_of(driver))
    if not integer(controller, "status", "availableReplicas"):
        missing.append(name_of(controller))
    if missing or not workers:
        raise NotYet(f"not ready: {', '.join(missing) or 'no worker'}")


def files_of(versions: Versions, layer: str) -> Mapping[str, bytes]:
    """The files of a layer that is in no image, by path; made now if it is not cached."""
    builder = ImageBuilder(versions)
    with build_lock(builder.cache).waiting(), tarfile.open(builder.assemble(versions.layers[layer]).path) as tar:
        return {f"/{member.name}": file.read() for member in tar if (file := tar.extractfile(member))}


def claims_to_copy(manifests: Iterable[Object]) -> frozenset[str]:
    """The claims whose volumes the annotations of the manifests' pods ask to have copied."""
    pods = map(_pod_of, manifests)
    return frozenset(claim for pod in pods for name, claim in claims_of(pod).items() if name in volumes_to_copy(pod))


def with_snapshots(claims: Collection[str], manifest: Object) -> Object:
    """A manifest in which these claims, and the templates of those that are copied, are of our class."""
    if manifest["kind"] == "PersistentVolumeClaim" and name_of(manifest) in claims:
        return _of_our_class(manifest)
    templates, copied = items(manifest, "spec", "volumeClaimTemplates"), volumes_to_copy(_pod_of(manifest))
    if not templates:
        return manifest
    changed: Json = [_of_our_class(each) if name_of(each) in copied else each for each in templates]
    return {**manifest, "spec": {**mapping(manifest, "spec"), "volumeClaimTemplates": changed}}


def _pod_of(manifest: Object) -> Object:
    return manifest if manifest["kind"] == "Pod" else mapping(manifest, "spec", "template")


def _of_our_class(claim: Json) -> Object:
    return {**mapping(claim), "spec": {**mapping(claim, "spec"), "storageClassName": CLASS}}
