"""The CSI driver's manifests say what its code and the pins say, and an installation waits for what it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest
import yaml

from harness.clusters import csi_driver
from harness.clusters.images.versions import load
from harness.core import resources
from harness.core.model import Json
from harness.core.wait import NotYet

FOLDER = resources.clusters()
MANIFEST = (FOLDER / "csi" / "driver.yaml").read_text()
THINGS = list(yaml.safe_load_all(MANIFEST))


def things(kind: str) -> list[dict[str, Json]]:
    return [thing for thing in THINGS if thing["kind"] == kind]


def test_every_image_is_pinned_and_all_that_are_listed_are_used() -> None:
    extras = load().extras
    assert set(re.findall(r"image: (\S+)", MANIFEST)) == {extras[name].ref for name in csi_driver.IMAGES}


def test_official_tags_are_of_the_modules_that_are_built() -> None:
    versions = load()
    for name in ("csi-provisioner", "csi-snapshotter", "snapshot-controller"):
        build = versions.build_of(name)
        tag = versions.extras[name].ref.rpartition(":")[2]
        assert {tag} == set(build.pins.values()) == set(build.set.values())
    assert versions.extras["csi-btrfs"].ref.endswith(f":{versions.go['csi-btrfs'].set['main.version']}")


def test_kubernetes_has_one_version() -> None:
    versions = load()
    pinned = versions.go["csi-btrfs"].pins["k8s.io/kubelet"].removeprefix("v0.")
    assert versions.kubernetes == f"v1.{pinned}"
    for module in ("csi-provisioner", "csi-snapshotter"):
        text = (FOLDER / "images" / module / "go.mod").read_text()
        assert {f"v1.{minor}" for minor in re.findall(r"=> k8s.io/\S+ v0\.(\S+)", text)} == {versions.kubernetes}


def test_names_are_those_of_the_code() -> None:
    code = (FOLDER / "images" / "csi-btrfs" / "driver.go").read_text()
    assert f'driverName  = "{csi_driver.DRIVER}"' in code
    assert [thing["metadata"] for thing in things("CSIDriver")] == [{"name": csi_driver.DRIVER}]
    assert [thing["provisioner"] for thing in things("StorageClass")] == [csi_driver.DRIVER]
    (snapshots,) = things("VolumeSnapshotClass")
    assert snapshots["driver"] == csi_driver.DRIVER
    named = [(thing["metadata"] or {}).get("name") for thing in (*things("StorageClass"), snapshots)]  # type: ignore[union-attr] # an object
    assert named == [csi_driver.CLASS] * 2
    for place in ("plugins/{}/csi.sock", "plugins/{},", "registration/{}-reg.sock"):
        assert place.format(csi_driver.DRIVER) in MANIFEST


def test_velero_finds_the_class_of_snapshots() -> None:
    (snapshots,) = things("VolumeSnapshotClass")
    assert snapshots["metadata"] == {"name": "btrfs", "labels": {"velero.io/csi-volumesnapshot-class": "true"}}


class Answering:
    """kubectl on a cluster with two workers, of which `registered` know the driver."""

    def __init__(self, registered: int = 2, pods: int = 2, controllers: int = 1) -> None:
        workers = [{"metadata": {"name": f"worker-{number}"}} for number in range(2)]
        drivers = [
            [{"name": "other"}, *([{"name": csi_driver.DRIVER}] if number < registered else [])] for number in range(2)
        ]
        self.answers: Mapping[str, object] = {
            "csinodes": [{**worker, "spec": {"drivers": each}} for worker, each in zip(workers, drivers, strict=True)],
            "nodes": workers,
            "daemonsets": [{"metadata": {"name": "driver"}, "status": {"numberReady": pods}}],
            "deployments": [
                {"metadata": {"name": "snapshot-controller"}, "status": {"availableReplicas": controllers}}
            ],
        }
        self.calls: list[tuple[str, str]] = []

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:  # of the seam
        self.calls.append((" ".join(args), stdin or ""))
        return json.dumps({"items": self.answers[args[1]]}) if args[0] == "get" else ""


@pytest.mark.parametrize(
    ("kubectl", "named"),
    [
        (Answering(registered=1), "worker-1"),
        (Answering(pods=1), "driver"),
        (Answering(controllers=0), "snapshot-controller"),
        (Answering(registered=0, pods=0, controllers=0), "worker-0, worker-1, driver, snapshot-controller"),
    ],
)
def test_it_is_not_ready_before_every_part_is(kubectl: Answering, named: str) -> None:
    with pytest.raises(NotYet, match=f"^not ready: {named}$"):
        csi_driver.ready(kubectl)


def test_no_worker_is_not_ready() -> None:
    kubectl = Answering()
    kubectl.answers = {**kubectl.answers, "csinodes": [], "nodes": []}
    with pytest.raises(NotYet, match="no worker"):
        csi_driver.ready(kubectl)


def test_kinds_are_there_before_what_is_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = ("volumesnapshotclasses", "volumesnapshotcontents", "volumesnapshots")
    files = {f"/snapshot.storage.k8s.io_{kind}.yaml": f"kind of {kind}".encode() for kind in kinds}
    monkeypatch.setattr(
        csi_driver, "files_of", lambda *_: {**files, "/kustomization.yaml": b"", "/groupsnapshot.yaml": b""}
    )
    kubectl = Answering()
    csi_driver.install(kubectl, load())
    (applied, text), (waited, _), (then, manifest) = kubectl.calls[:3]
    assert applied.startswith("apply --server-side")
    assert text.split("\n---\n") == [f"kind of {kind}" for kind in kinds]
    assert waited.startswith("wait --for=condition=Established crd/volumesnapshotclasses.snapshot.storage.k8s.io")
    assert (then, manifest) == ("apply -f -", MANIFEST)


def claim(name: str, storage_class: str = "drill") -> dict[str, Json]:
    spec: Json = {"storageClassName": storage_class, "accessModes": ["ReadWriteOnce"]}
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def test_what_is_copied_and_nothing_else_is_on_storage_with_snapshots() -> None:
    annotations: Json = {"backup.velero.io/backup-volumes": "data, more"}
    volumes: Json = [
        {"name": name, "persistentVolumeClaim": {"claimName": f"the-{name}"}} for name in ("data", "cache")
    ]
    template: Json = {"metadata": {"annotations": annotations}, "spec": {"volumes": volumes}}
    deployment: dict[str, Json] = {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": template}}
    pod: dict[str, Json] = {"kind": "Pod", **template}  # type: ignore[dict-item] # an object
    for user in (deployment, pod):
        claims = csi_driver.claims_to_copy([user, claim("the-data"), claim("the-cache")])
        assert claims == {"the-data"}
        assert csi_driver.with_snapshots(claims, user) == user
    assert csi_driver.with_snapshots(claims, claim("the-data")) == claim("the-data", csi_driver.CLASS)
    assert csi_driver.with_snapshots(claims, claim("the-cache")) == claim("the-cache")
    templates: Json = [claim("data"), claim("cache")]
    spec: Json = {"replicas": 3, "template": template, "volumeClaimTemplates": templates}
    members: dict[str, Json] = {"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": spec}
    changed = csi_driver.with_snapshots((), members)
    wanted: Json = [claim("data", csi_driver.CLASS), claim("cache")]
    assert changed == {**members, "spec": {**spec, "volumeClaimTemplates": wanted}}  # type: ignore[dict-item] # an object
