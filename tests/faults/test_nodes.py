"""Faults of what lies below the pods: files in volumes, disks, workers. Nodes are folders; the commands are real."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from harness.core import process, timeouts
from harness.core.errors import FaultHadNoEffect, TimedOut, ToolFailed
from harness.core.model import Health, Row, Volume
from harness.core.ports import Target
from harness.faults.disk import SmallDisk
from harness.faults.file_corruption import FlipBits, WipeVolumes
from harness.faults.node_loss import LoseWorker
from harness.faults.volumes import HostPathVolume


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.01)


@dataclass
class Machines:
    """Two workers. `deaf` commands change nothing; `mounted` is what small disks there are, by node."""

    off: set[str] = field(default_factory=set)
    deaf: tuple[str, ...] = ()
    mounted: dict[str, list[str]] = field(default_factory=dict)
    vanishing: bool = False  # a file goes while the first search reads it

    def nodes(self) -> tuple[str, ...]:
        return ("w1", "w2")

    def on_node(self, node: str, *argv: str, stdin: str | None = None, within_s: float = 60) -> str:
        assert node not in self.off
        if argv[0] in self.deaf:
            return ""
        if argv[0] == "grep" and self.vanishing:
            self.vanishing = False
            raise ToolFailed(argv, 2, "No such file or directory")
        if argv[0] in {"mkdir", "rm"}:
            return ""
        if argv[0] == "mv":
            self.off.add(f"disk of {node}")
        elif argv[0] == "mount":
            self.mounted.setdefault(node, []).append(argv[-1])
        elif argv[0] == "umount":
            self.mounted[node].remove(argv[-1])
        elif argv[0] == "df":
            return (
                f"Filesystem 1K-blocks\n{'drillproof-small-disk 256' if self.mounted.get(node) else '/dev/sda 999'}\n"
            )
        elif argv[0] == "cat":
            return "".join(f"drillproof-small-disk {at} tmpfs rw 0 0\n" for at in self.mounted.get(node, ()))
        else:
            return process.run(list(argv), stdin=stdin, within_s=within_s).stdout
        return ""

    def power_off(self, machine: str) -> None:
        if "power" not in self.deaf:
            self.off.add(machine)

    def power_on(self, machine: str) -> None:
        self.off.discard(machine)

    def is_on(self, machine: str) -> bool:
        return machine not in self.off


@dataclass
class Cluster:
    """Pods that are made anew when they are deleted, each with its claim; `held` is what they are bound to."""

    held: tuple[Volume, ...] = ()
    annotations: dict[str, str] = field(default_factory=lambda: {"defaultVolumeType": "local"})
    made: int = 0
    stubborn: bool = False
    paths: str = '{"nodePathMap": [{"paths": ["/disk"]}]}'

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        return self.held

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "delete":
            self.made += 1
            if args[1] == "pvc" and not self.stubborn:
                kind = self.annotations.get("defaultVolumeType", "hostPath")
                self.held = (Volume("data-db-1", f"new-{self.made}", "", f"new-pv-{self.made}", kind, "w2", "/disk/x"),)
        if args[0] == "patch":
            for key, value in json.loads(args[-1])["metadata"]["annotations"].items():
                self.annotations.pop(key, None)
                self.annotations |= {} if value is None else {key: value}
        listed: dict[str, list[dict[str, Any]]] = {
            "pods": [_pod(f"db-{n}", f"{n}-{self.made}") for n in range(3)],
            "pvc": [{"metadata": {"name": volume.claim, "uid": volume.claim_uid}} for volume in self.held],
            "configmaps": [{"metadata": {"name": "local-path-config"}, "data": {"config.json": self.paths}}],
            "storageclasses": [{"metadata": {"name": "drill", "annotations": self.annotations}}],
        }
        return json.dumps({"items": listed.get(args[1], [])})


def _pod(name: str, uid: str) -> dict[str, Any]:
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}"}}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": name, "uid": uid}, "spec": {"volumes": [claim]}, "status": ready}


@dataclass
class Store:
    """Three members, two of them on worker 2; those on a worker without power do not answer, unless all do."""

    machines: Machines
    answers: bool = False
    name: str = "db"
    members: tuple[str, ...] = ("db-0", "db-1", "db-2")
    on_flush: Callable[[], object] = lambda: None

    def execute(self, member: str, statement: str) -> None:
        assert (member, statement) == ("db-0", "CHECKPOINT")
        self.on_flush()

    def health(self, member: str) -> Health:
        return Health(True, "well", "follower" if member == "db-1" else "leader", member)

    def ledger(self, member: str) -> Iterator[Row]:
        if not self.answers and (member == "db-0") == ("w1" in self.machines.off):
            raise ToolFailed(["kubectl"], 1, "no route")
        yield Row(7, "k7", "7-x")


@pytest.fixture
def held(tmp_path: Path) -> tuple[Volume, ...]:
    """Three volumes with a file each."""
    volumes = []
    for n in range(3):
        folder = tmp_path / f"pvc-{n}"
        (folder / "base").mkdir(parents=True)
        (folder / "base" / "table").write_bytes(b"\x00secret\x00\xff" * 2 + b"end")
        volumes.append(Volume(f"data-db-{n}", f"c{n}", f"pv-{n}", f"v{n}", "local", f"w{min(n + 1, 2)}", str(folder)))
    return tuple(volumes)


def target(cluster: Cluster, machines: Machines | None = None, store: Store | None = None) -> Target:
    machines = machines or Machines()
    return Target(*cast("Any", (cluster, "custos", (store or Store(machines),), None, machines)))


WIPE = WipeVolumes(("db-1",))


def test_a_volume_is_wiped_and_no_other(held: tuple[Volume, ...]) -> None:
    here = target(Cluster(held))
    WIPE.inject(here)
    assert WIPE.damage(replace(here, volumes_before=held)) == {
        "files of data-db-1": f"none is left in {held[1].path} on w2"
    }
    assert Path(held[1].path).is_dir()
    assert (Path(held[0].path) / "base" / "table").exists()


def test_what_was_not_wiped_or_was_empty_is_no_damage(held: tuple[Volume, ...]) -> None:
    here = target(Cluster(held))
    with pytest.raises(FaultHadNoEffect, match="pvc-1/base/table"):
        WIPE.damage(replace(here, volumes_before=held))
    (Path(held[1].path) / "base" / "table").unlink()
    with pytest.raises(FaultHadNoEffect, match="data-db-1"):
        WIPE.inject(here)
    with pytest.raises(FaultHadNoEffect, match="data-db-1"):
        WIPE.inject(target(Cluster()))


FLIP = FlipBits("db", "follower", "secret", folder="base")


def test_one_bit_turns_at_each_place_once_the_member_was_restarted(held: tuple[Volume, ...]) -> None:
    cluster = Cluster(held)
    FLIP.inject(target(cluster))
    assert cluster.made == 1
    file = Path(held[1].path) / "base" / "table"
    assert file.read_bytes() == b"\x00secset\x00\xff" * 2 + b"end"
    assert FLIP.damage(replace(target(cluster), volumes_before=held)) == {
        f"{file} at byte {at}": "secret became secset" for at in (1, 10)
    }
    assert b"secret" in (Path(held[0].path) / "base" / "table").read_bytes()


def test_what_is_not_on_the_disk_yet_is_flushed_first(held: tuple[Volume, ...]) -> None:
    file = Path(held[1].path) / "base" / "table"
    file.write_text("")
    machines = Machines()
    here = target(Cluster(held), machines, Store(machines, on_flush=lambda: file.write_text("secret")))
    with pytest.raises(FaultHadNoEffect, match="secret"):
        FLIP.inject(here)
    replace(FLIP, flush="CHECKPOINT").inject(here)
    assert file.read_text() == "secset"


@pytest.mark.parametrize("deaf", [(), ("dd",)])
def test_a_bit_that_did_not_turn_is_no_damage(held: tuple[Volume, ...], deaf: tuple[str, ...]) -> None:
    here = target(Cluster(held), Machines(deaf=deaf))
    if deaf:
        FLIP.inject(here)
    with pytest.raises(FaultHadNoEffect, match=r"'secset'.*'secret'"):
        FLIP.damage(replace(here, volumes_before=held))


def test_a_place_that_was_left_out_is_no_damage(held: tuple[Volume, ...]) -> None:
    (Path(held[1].path) / "base" / "table").write_text("secset secret")
    with pytest.raises(FaultHadNoEffect, match="byte 7"):
        FLIP.damage(replace(target(Cluster(held)), volumes_before=held))


def test_a_text_that_turns_into_another_that_is_there_is_no_sign_of_damage(held: tuple[Volume, ...]) -> None:
    (Path(held[2].path) / "base" / "other").write_text("secset")
    with pytest.raises(FaultHadNoEffect, match=r"'secset'.*base/other"):
        FLIP.inject(target(Cluster(held)))


def test_a_role_that_nobody_has_is_no_target(held: tuple[Volume, ...]) -> None:
    with pytest.raises(FaultHadNoEffect, match="replica"):
        FlipBits("db", "replica", "secret").inject(target(Cluster(held)))


def test_a_text_that_stands_nowhere_cannot_be_spoilt(held: tuple[Volume, ...]) -> None:
    (Path(held[1].path) / "base" / "table").write_text("other")
    with pytest.raises(FaultHadNoEffect, match=r"'secret'.*base of data-db-1"):
        FLIP.inject(target(Cluster(held)))


def test_a_search_that_fails_is_not_taken_for_one_that_found_nothing(held: tuple[Volume, ...]) -> None:
    (Path(held[1].path) / "base" / "table").unlink()
    (Path(held[1].path) / "base").rmdir()
    with pytest.raises(TimedOut, match="No such file"):
        FLIP.inject(target(Cluster(held)))


def test_a_file_that_goes_while_it_is_read_is_no_failure(
    held: tuple[Volume, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 2)
    here = target(Cluster(held), Machines(vanishing=True))
    FLIP.inject(here)
    assert FLIP.damage(replace(here, volumes_before=held))


@pytest.mark.parametrize(
    ("fault", "node", "lost"),
    [
        (LoseWorker(holding="db-2"), "w2", ("data-db-1", "data-db-2")),
        (LoseWorker(sparing=("db-1",)), "w1", ("data-db-0",)),
    ],
)
def test_a_lost_worker_has_no_power_and_its_members_are_silent(
    held: tuple[Volume, ...], fault: LoseWorker, node: str, lost: tuple[str, ...]
) -> None:
    machines = Machines()
    here = target(Cluster(held), machines)
    fault.inject(here)
    assert machines.off == {node, f"disk of {node}"}
    seen = fault.damage(replace(here, volumes_before=held))
    assert {key for key in seen if key.startswith("volume ")} == {f"volume {claim}" for claim in lost}
    assert {key for key in seen if key.startswith("read ")} == {f"read {claim[5:]}" for claim in lost}
    for _ in range(2):
        fault.undo(here)
        assert machines.is_on(node)


@pytest.mark.parametrize(("deaf", "answers", "says"), [(("power",), False, "w2"), ((), True, "db-1")])
def test_a_worker_that_is_still_there_is_no_damage(
    held: tuple[Volume, ...], deaf: tuple[str, ...], answers: bool, says: str
) -> None:
    machines = Machines(deaf=deaf)
    here = target(Cluster(held), machines, Store(machines, answers=answers))
    LoseWorker(holding="db-1").inject(here)
    with pytest.raises(FaultHadNoEffect, match=says):
        LoseWorker(holding="db-1").damage(replace(here, volumes_before=held))


def test_a_worker_that_nobody_is_on_cannot_be_lost(held: tuple[Volume, ...]) -> None:
    with pytest.raises(FaultHadNoEffect, match="other-0"):
        LoseWorker(holding="other-0").inject(target(Cluster(held)))


def test_every_disk_is_small_until_it_is_taken_away() -> None:
    machines = Machines()
    here = target(Cluster(), machines)
    SmallDisk(256).inject(here)
    assert machines.mounted == {"w1": ["/disk"], "w2": ["/disk"]}
    assert SmallDisk(256).damage(here) == {f"disk of w{n}": "holds 256 KiB in all" for n in (1, 2)}
    for _ in range(2):
        SmallDisk(256).undo(here)
        assert machines.mounted == {"w1": [], "w2": []}


@pytest.mark.parametrize("spoil", [lambda m: m.mounted["w2"].clear(), lambda m: m.mounted.clear()])
def test_a_disk_that_is_large_is_no_damage(spoil: Callable[[Machines], None]) -> None:
    machines = Machines()
    SmallDisk(256).inject(target(Cluster(), machines))
    spoil(machines)
    with pytest.raises(FaultHadNoEffect, match=r"/disk of w[12] .*/dev/sda.* 999 KiB"):
        SmallDisk(256).damage(target(Cluster(), machines))


def test_a_disk_larger_than_asked_for_is_no_damage() -> None:
    machines = Machines()
    SmallDisk(256).inject(target(Cluster(), machines))
    with pytest.raises(FaultHadNoEffect, match="256 KiB"):
        SmallDisk(255).damage(target(Cluster(), machines))


def test_a_cluster_that_makes_no_volumes_on_disks_of_ours_has_none_to_fill() -> None:
    with pytest.raises(FaultHadNoEffect, match="local-path-config"):
        SmallDisk(256).inject(target(Cluster(paths="{}")))


HOSTPATH = HostPathVolume("db-1", "drill")


def test_a_volume_is_made_anew_as_a_hostpath_and_the_class_put_right(held: tuple[Volume, ...]) -> None:
    cluster = Cluster(held)
    HOSTPATH.inject(target(cluster))
    assert "defaultVolumeType" not in cluster.annotations
    assert HOSTPATH.damage(replace(target(cluster), volumes_before=held)) == {
        "kind of data-db-1": "hostPath, at /disk/x"
    }
    for _ in range(2):
        HOSTPATH.undo(target(cluster))
        assert cluster.annotations == {"defaultVolumeType": "local"}
        with pytest.raises(FaultHadNoEffect, match="data-db-1: local"):
            HOSTPATH.damage(replace(target(cluster), volumes_before=held))  # the next drill is not to begin with it


def test_what_a_killed_harness_left_of_a_class_is_put_right(held: tuple[Volume, ...]) -> None:
    cluster = Cluster(held)
    HOSTPATH.inject(target(cluster))
    HOSTPATH.inject(target(cluster))
    HOSTPATH.undo(target(cluster))
    assert cluster.annotations == {"defaultVolumeType": "local"}


def test_a_volume_that_is_the_old_one_or_another_kind_is_no_damage(held: tuple[Volume, ...]) -> None:
    with pytest.raises(FaultHadNoEffect, match="data-db-1: local"):
        HOSTPATH.damage(target(Cluster(held)))
    old = (Volume("data-db-1", "c", "pv", "v", "hostPath"),)
    with pytest.raises(FaultHadNoEffect, match="data-db-1: hostPath"):
        HOSTPATH.damage(replace(target(Cluster(old)), volumes_before=old))
    with pytest.raises(FaultHadNoEffect, match="no volume"):
        HOSTPATH.damage(target(Cluster()))
