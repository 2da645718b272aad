"""Our CSI driver on a real cluster: claims, a snapshot of files that are being written, and what becomes of a node.

    pytest -n 0 -o log_cli_level=INFO tests/real/real_csi_driver.py

It needs what `make drill` needs, and makes a cluster of its own.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping

import pytest

from harness.clusters import csi_driver, local
from harness.clusters.kind import KindCluster
from harness.core.json import text
from harness.core.kubernetes import Object, find, objects
from harness.core.model import Json
from harness.core.wait import NotYet, until

NAME, SPACE, WITHIN_S = "csi", "shop", 240.0

LOG = logging.getLogger(__name__)

WRITE = "n=0; while :; do n=$((n+1)); echo $n >> /data/a; sync; echo $n >> /data/b; sync; done"
"""One line to each file, in turns; each is synced before the next."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[KindCluster]:
    environment = local.prepare("auto", None, print, csi_driver.IMAGES)
    found = environment.cluster(NAME)
    try:
        found.up()
        begun = time.monotonic()
        csi_driver.install(found.kubectl, environment.versions)
        LOG.info("the driver was ready after %.1f s", time.monotonic() - begun)
        found.kubectl("create", "namespace", SPACE)
        apply(found, claim("live"), pod("writer", "live", WRITE))
        until(lambda: lines(found, "writer"), waited_for="the writer to write", within_s=WITHIN_S)
        yield found
    finally:
        found.down()


def apply(cluster: KindCluster, *things: Json) -> None:
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)}))


def claim(name: str, snapshot: str = "") -> Json:
    source = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": snapshot}
    spec: dict[str, Json] = {
        "storageClassName": csi_driver.CLASS,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        **({"dataSource": source} if snapshot else {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": spec,
    }


def pod(name: str, claim: str, command: str, affinity: Json = None) -> Json:
    container: Json = {
        "name": "main",
        "image": "docker.io/hashicorp/consul:1.22.0",  # it is on the nodes, and has a shell
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", command],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    spec: dict[str, Json] = {
        "containers": [container],
        "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000},  # no root, as databases run
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists", "effect": "NoExecute"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        **({"affinity": affinity} if affinity else {}),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SPACE}, "spec": spec}


def lines(cluster: KindCluster, pod: str) -> tuple[int, int]:
    """How many lines the pod sees in each file, A's counted first; NotYet before there are any."""
    seen = cluster.kubectl("exec", "-n", SPACE, pod, "--", "sh", "-c", "wc -l < /data/a; wc -l < /data/b").split()
    if len(seen) != 2:
        raise NotYet(f"the files of {pod}: {seen}")
    return int(seen[0]), int(seen[1])


def node_affinity(cluster: KindCluster, claim: str) -> Json:
    """That of the claim's volume, as Velero 1.18 gives it to the pod that reads a snapshot."""
    volume = text(find(cluster.kubectl, "pvc", claim, SPACE), "spec", "volumeName")
    wanted = find(cluster.kubectl, "pv", volume)["spec"]
    assert isinstance(wanted, Mapping)
    affinity = wanted["nodeAffinity"]
    assert isinstance(affinity, Mapping)
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": affinity["required"]}}


def snapshotted(cluster: KindCluster, name: str) -> Object:
    """A snapshot of the writer's claim, when it is ready."""
    wanted: Json = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": {"volumeSnapshotClassName": csi_driver.CLASS, "source": {"persistentVolumeClaimName": "live"}},
    }
    apply(cluster, wanted)

    def is_ready() -> Object:
        found = find(cluster.kubectl, "volumesnapshot", name, SPACE)
        if text(found, "status", "readyToUse") != "true":
            raise NotYet(f"{name}: {json.dumps(found.get('status'))}")
        return found

    return until(is_ready, waited_for=f"the snapshot {name}", within_s=WITHIN_S)


def test_a_snapshot_of_files_being_written_shows_one_moment_of_both(cluster: KindCluster) -> None:
    for number in range(5):
        _, before = lines(cluster, "writer")
        begun = time.monotonic()
        snapshotted(cluster, f"snapshot-{number}")
        ready_s = time.monotonic() - begun
        after, _ = lines(cluster, "writer")
        name = f"restored-{number}"
        apply(
            cluster,
            claim(name, f"snapshot-{number}"),
            pod(name, name, "sleep infinity", node_affinity(cluster, "live")),
        )
        a, b = until(lambda name=name: lines(cluster, name), waited_for=name, within_s=WITHIN_S)  # type: ignore[misc] # mypy infers no default
        restored_s = time.monotonic() - begun
        LOG.info("%d, %d, %d, %d; ready %.1f s, restored %.1f s", before, b, a, after, ready_s, restored_s)
        assert a - b in {0, 1}
        assert before - 1 <= b  # the last line that was seen may not have been synced
        assert a <= after


def test_a_restored_volume_is_its_own(cluster: KindCluster) -> None:
    here, there = lines(cluster, "restored-0"), lines(cluster, "restored-1")
    cluster.kubectl("exec", "-n", SPACE, "restored-0", "--", "sh", "-c", "echo more >> /data/a")
    assert lines(cluster, "restored-0") == (here[0] + 1, here[1])
    assert lines(cluster, "restored-1") == there


def test_the_driver_may_be_restarted_under_its_pods(cluster: KindCluster) -> None:
    cluster.kubectl("delete", "pods", "-n", csi_driver.NAMESPACE, "--all", "--wait=true", within_s=WITHIN_S)
    until(lambda: csi_driver.ready(cluster.kubectl), waited_for="the driver to be back", within_s=WITHIN_S)
    before = lines(cluster, "writer")

    def further() -> None:
        if lines(cluster, "writer") <= before:
            raise NotYet("no new lines")

    until(further, waited_for="the writer to go on", within_s=WITHIN_S)
    snapshotted(cluster, "later")


def test_a_node_that_was_off_has_its_volumes_again(cluster: KindCluster) -> None:
    node = text(find(cluster.kubectl, "pod", "restored-2", SPACE), "spec", "nodeName")
    before = lines(cluster, "restored-2")
    cluster.machines.power_off(node)
    cluster.machines.power_on(node)

    def again() -> None:
        if (seen := lines(cluster, "restored-2")) != before:
            raise AssertionError(f"{seen}, not {before}")

    until(again, waited_for="the pod to be back", within_s=WITHIN_S)


def test_what_is_deleted_is_gone_from_the_node(cluster: KindCluster) -> None:
    kubectl = cluster.kubectl
    node = text(find(kubectl, "pod", "writer", SPACE), "spec", "nodeName")
    kubectl("delete", "namespace", SPACE, within_s=WITHIN_S)

    def gone() -> None:
        left = [*objects(kubectl, "volumesnapshotcontents"), *objects(kubectl, "pv")]
        kept = cluster.machines.on_node(
            node, "ls", "/var/lib/csi-btrfs/mount/vol", "/var/lib/csi-btrfs/mount/snap"
        ).split()
        if left or len(kept) > 2:
            raise NotYet(f"{len(left)} objects and {kept} are left")

    until(gone, waited_for="volumes and snapshots to be gone", within_s=WITHIN_S)
