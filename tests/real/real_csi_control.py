"""Our CSI driver under the real control plane, with a process for each node and no kubelets: seconds, not minutes.

    make test-real

It needs root, btrfs and loop devices, and no cluster: etcd, the API server, the scheduler and the controllers of the
drill's own images run beside the test, and the driver with its provisioner and snapshotter once for each node. Pods
are scheduled and never start; what they would read and write, the test does in the pool.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from api_server import api_server, as_account

from harness.clusters import csi_driver
from harness.clusters.images import versions
from harness.clusters.images.images import compiled
from harness.core.errors import TimedOut
from harness.core.json import text
from harness.core.kubernetes import Kubectl, Object, find, objects
from harness.core.model import Json
from harness.core.process import run, spawn
from harness.core.wait import NotYet, until

NODES = ("node-1", "node-2", "node-3")
SPACE, MOVER, WITHIN_S = "shop", "velero", 180.0
POOL_BYTES = 512 << 20
TOPOLOGY = f"topology.{csi_driver.DRIVER}/node"
MANAGED_BY = "snapshot.storage.kubernetes.io/managed-by"
GROUP = "snapshot.storage.k8s.io"
CONTROLLERS = ",".join(
    f"{name}-controller"
    for name in ("persistentvolume-binder", "persistentvolume-protection", "persistentvolumeclaim-protection")
)

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mkfs.btrfs") or not Path("/dev/loop-control").exists(),
    reason="needs root, mkfs.btrfs and loop devices",
)


@dataclass(frozen=True)
class Site:
    """The control plane, and the folder with one folder for each node."""

    kubectl: Kubectl
    folder: Path

    def apply(self, *things: Json) -> None:
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)}))

    def until_bound(self, namespace: str, claim: str, within_s: float = WITHIN_S) -> Object:
        """The claim's volume."""

        def bound() -> Object:
            found = find(self.kubectl, "pvc", claim, namespace)
            if text(found, "status", "phase") != "Bound":
                raise NotYet(f"{claim} is {text(found, 'status', 'phase')}")
            return find(self.kubectl, "pv", text(found, "spec", "volumeName"))

        return until(bound, waited_for=f"the claim {claim}", within_s=within_s)

    def until_ready(self, namespace: str, snapshot: str, within_s: float = WITHIN_S) -> Object:
        """The snapshot's content."""

        def ready() -> Object:
            found = find(self.kubectl, "volumesnapshot", snapshot, namespace)
            if text(found, "status", "readyToUse") != "true":
                raise NotYet(f"{snapshot}: {json.dumps(found.get('status'))}")
            return find(self.kubectl, "volumesnapshotcontent", text(found, "status", "boundVolumeSnapshotContentName"))

        return until(ready, waited_for=f"the snapshot {snapshot}", within_s=within_s)

    def data(self, volume: Object) -> Path:
        """Where a volume's files are."""
        _, key, node = text(volume, "spec", "csi", "volumeHandle").split("-", 2)
        return self.folder / node / "mount" / "vol" / key


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("csi")
    pinned = versions.load()
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        kubectl = stack.enter_context(api_server(tmp_path_factory.mktemp("api"), velero=False))
        site = Site(kubectl, folder)
        csi_driver.apply(kubectl, pinned)
        for namespace in (SPACE, MOVER):
            kubectl("create", "namespace", namespace)
        accounts = {
            name: f"--kubeconfig={as_account(kubectl, csi_driver.NAMESPACE, name).kubeconfig}"
            for name in ("driver", "snapshot-controller")
        }
        args = arguments()
        for node in NODES:
            add_node(site, node)
            home = folder / node
            home.mkdir()
            stack.callback(run, ["umount", home / "mount"])
            places = (f"--socket={home}/csi.sock", f"--pool={home}/mount", f"--pool-file={home}/pool.btrfs")
            commands: list[list[str | Path]] = [[compiled(pinned, "csi-btrfs"), *places, f"--pool-bytes={POOL_BYTES}"]]
            for name in ("provisioner", "snapshotter"):
                where = (f"--csi-address={home}/csi.sock", accounts["driver"])
                commands.append([compiled(pinned, f"csi-{name}"), *args[name], *where])
            for command in commands:
                stack.enter_context(spawn(command, env={"NODE_NAME": node}, output=log))
        controller = (compiled(pinned, "snapshot-controller"), accounts["snapshot-controller"])
        stack.enter_context(spawn([*controller, *args["snapshot-controller"]], output=log))
        for name in ("kube-scheduler", "kube-controller-manager"):
            (folder / name).symlink_to(compiled(pinned, "kubernetes"))
            only = [f"--controllers={CONTROLLERS}"] if name == "kube-controller-manager" else []
            how = (f"--kubeconfig={kubectl.kubeconfig}", "--leader-elect=false", "--secure-port=0", *only)
            stack.enter_context(spawn([folder / name, *how], output=log))
        yield site


def arguments() -> dict[str, list[str]]:
    """The arguments of each container as the manifest has them."""
    found: dict[str, list[str]] = {}
    for thing in yaml.safe_load_all(csi_driver.MANIFEST.read_text()):
        if thing["kind"] in {"DaemonSet", "Deployment"}:
            found |= {each["name"]: each["args"] for each in thing["spec"]["template"]["spec"]["containers"]}
    return found


def add_node(site: Site, name: str) -> None:
    """A node, as its kubelet would make it once the driver has registered."""
    node: Json = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {TOPOLOGY: name}}}
    driver: Json = {"name": csi_driver.DRIVER, "nodeID": name, "topologyKeys": [TOPOLOGY]}
    known: Json = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSINode",
        "metadata": {"name": name},
        "spec": {"drivers": [driver]},
    }
    site.apply(node, known)
    room: Json = {"cpu": "8", "memory": "8Gi", "pods": "100"}
    status: Json = {
        "status": {"capacity": room, "allocatable": room, "conditions": [{"type": "Ready", "status": "True"}]}
    }
    site.kubectl("patch", "node", name, "--subresource=status", "-p", json.dumps(status))
    site.kubectl("patch", "node", name, "-p", json.dumps({"spec": {"taints": None}}))  # a new one is not ready


def claim(namespace: str, name: str, snapshot: str = "") -> Json:
    spec: dict[str, Json] = {
        "storageClassName": csi_driver.CLASS,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "64Mi"}},
        **({"dataSource": {"apiGroup": GROUP, "kind": "VolumeSnapshot", "name": snapshot}} if snapshot else {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def pod(namespace: str, name: str, affinity: Json = None) -> Json:
    """One that uses the claim of its own name."""
    spec: dict[str, Json] = {
        "containers": [{"name": "main", "image": "none", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
        **({"affinity": affinity} if affinity else {}),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def snapshot(namespace: str, name: str, **source: str) -> Json:
    spec: Json = {"volumeSnapshotClassName": csi_driver.CLASS, "source": source}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def affinity(volume: Object) -> Json:
    """That of a volume, as Velero 1.18 gives it to the pod that reads the volume's snapshot."""
    spec = volume["spec"]
    assert isinstance(spec, Mapping)
    wanted = spec["nodeAffinity"]
    assert isinstance(wanted, Mapping)
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": wanted["required"]}}


@pytest.fixture(scope="module")
def live(site: Site) -> Object:
    """A volume with a file that says "old", and its snapshot "taken" of when it did."""
    site.apply(claim(SPACE, "live"), pod(SPACE, "live"))
    volume = site.until_bound(SPACE, "live")
    file = site.data(volume) / "file"
    file.write_text("old")
    site.apply(snapshot(SPACE, "taken", persistentVolumeClaimName="live"))
    site.until_ready(SPACE, "taken")
    file.write_text("new")
    return volume


def test_a_volume_is_on_the_node_of_its_pod_and_stays_there(site: Site, live: Object) -> None:
    node = text(live, "spec", "csi", "volumeHandle").split("-", 2)[2]

    def scheduled() -> None:
        if text(find(site.kubectl, "pod", "live", SPACE), "spec", "nodeName") != node:
            raise NotYet("not scheduled")

    until(scheduled, waited_for=f"the pod on {node}", within_s=WITHIN_S)
    assert node in json.dumps(affinity(live))


def test_a_snapshot_is_of_its_node_and_restores_what_it_shows(site: Site, live: Object) -> None:
    content = site.until_ready(SPACE, "taken")
    node = text(live, "spec", "csi", "volumeHandle").split("-", 2)[2]
    assert text(content, "metadata", "labels", MANAGED_BY) == node
    assert text(content, "status", "restoreSize") == str(64 << 20)
    site.apply(claim(SPACE, "restored", "taken"), pod(SPACE, "restored", affinity(live)))
    assert (site.data(site.until_bound(SPACE, "restored")) / "file").read_text() == "old"


def moved(site: Site, name: str, *, labelled: bool) -> None:
    """The snapshot made available in the data mover's namespace, as Velero does it."""
    content = site.until_ready(SPACE, "taken")
    labels: Json = {MANAGED_BY: text(content, "metadata", "labels", MANAGED_BY)} if labelled else {}
    spec: Json = {
        "deletionPolicy": "Retain",  # Velero says Delete, and this snapshot is used again
        "driver": csi_driver.DRIVER,
        "volumeSnapshotClassName": csi_driver.CLASS,
        "source": {"snapshotHandle": text(content, "status", "snapshotHandle")},
        "volumeSnapshotRef": {"name": name, "namespace": MOVER},
    }
    metadata: Json = {"name": name, "labels": labels}
    site.apply(
        snapshot(MOVER, name, volumeSnapshotContentName=name),
        {"apiVersion": f"{GROUP}/v1", "kind": "VolumeSnapshotContent", "metadata": metadata, "spec": spec},
    )


def test_a_data_mover_that_keeps_the_nodes_label_reads_the_snapshot(site: Site, live: Object) -> None:
    moved(site, "mover", labelled=True)
    site.until_ready(MOVER, "mover")
    site.apply(claim(MOVER, "mover", "mover"), pod(MOVER, "mover", affinity(live)))
    assert (site.data(site.until_bound(MOVER, "mover")) / "file").read_text() == "old"


def test_one_that_drops_the_label_waits_for_ever(site: Site, live: Object) -> None:  # of which the snapshot is
    """Velero 1.16 does: this is why its data mover cannot read snapshots that are made on nodes."""
    moved(site, "unlabelled", labelled=False)
    with pytest.raises(TimedOut, match="unlabelled"):
        site.until_ready(MOVER, "unlabelled", within_s=15)


def test_a_pod_on_another_node_is_refused_in_words_and_gets_no_other_data(site: Site, live: Object) -> None:
    """Velero 1.17 keeps the label and does not choose the node."""
    node = text(live, "spec", "csi", "volumeHandle").split("-", 2)[2]
    others: Json = [other for other in NODES if other != node]
    term: Json = {"matchExpressions": [{"key": TOPOLOGY, "operator": "In", "values": others}]}
    elsewhere: Json = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    }
    site.apply(claim(SPACE, "elsewhere", "taken"), pod(SPACE, "elsewhere", elsewhere))

    def said() -> None:
        events = objects(
            site.kubectl, "events", f"--namespace={SPACE}", "--field-selector=involvedObject.name=elsewhere"
        )
        if not any(f"is on the node {node}" in text(event, "message") for event in events):
            raise NotYet(f"no event of {len(events)} says it")

    until(said, waited_for="the reason", within_s=WITHIN_S)
    assert text(find(site.kubectl, "pvc", "elsewhere", SPACE), "status", "phase") == "Pending"
    site.kubectl("delete", "pod,pvc", "elsewhere", f"--namespace={SPACE}", "--wait=false")


def test_what_is_deleted_is_gone_from_the_pool(site: Site, live: Object) -> None:
    folder = site.data(live)
    node = folder.parents[1]
    assert folder.is_dir()
    for namespace in (SPACE, MOVER):
        here = ("--all", "--wait=false", f"--namespace={namespace}")
        site.kubectl("delete", "pods", "--force", "--grace-period=0", *here)  # no kubelet says that they have ended
        site.kubectl("delete", "pvc,volumesnapshots", *here)

    def gone() -> None:
        left = [str(path) for kind in ("vol", "snap") for path in (node / kind).iterdir()]
        if left:
            raise NotYet(f"left: {left}")

    until(gone, waited_for="the pool to be empty", within_s=WITHIN_S)
