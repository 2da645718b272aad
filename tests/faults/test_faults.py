"""Faults act, see what they did, and say so when they did nothing. Volumes and the namespace: test_namespace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.model import Part, Reading, Row, Volume
from harness.core.ports import Target
from harness.faults.namespace import DeleteObjects
from harness.faults.node_loss import LoseNodes
from harness.faults.sql import Statement
from harness.faults.volumes import LoseVolumes

DROP = Statement("drop-table", "mysql", "DROP TABLE user", "table user")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "READ_S", 0.01)
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.01)


@dataclass
class Store:
    """Three members, of which `deaf` ones do not follow the primary; silent when it has lost its power."""

    name: str = "mysql"
    deaf: tuple[str, ...] = ()
    silent: bool = False
    members: tuple[str, ...] = ("mysql-0", "mysql-1", "mysql-2")
    emptied: set[str] = field(default_factory=set)
    had: int = 5

    def execute(self, member: str, statement: str) -> None:
        self.emptied = set(self.members) - set(self.deaf)

    def digest(self, member: str) -> Reading:
        return Reading(member, {} if member in self.emptied else {"table user": Part(self.had, "x")})

    def ledger(self, member: str) -> Iterator[Row]:
        if self.silent:
            raise ToolFailed(["kubectl"], 1, "no route")
        yield Row(7, "k7", "7-x")


@dataclass
class Cluster:
    """A namespace of objects by kind; `stubborn` ones outlive their deletion."""

    held: dict[str, list[str]]
    stubborn: bool = False
    answers: bool = True

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if "/readyz" in args:
            if not self.answers:
                raise ToolFailed(["kubectl"], 1, "connection refused")
            return "ok"
        if args[0] == "delete":
            if not self.stubborn:
                self.held = {kind: [] for kind in self.held}
            return ""
        items = [_object(kind, name) for kind in args[1].split(",") for name in self.held.get(kind, ())]
        return json.dumps({"items": items})


def _object(kind: str, name: str) -> dict[str, object]:
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}"}}
    return {"kind": kind, "metadata": {"name": name, "uid": name}, "spec": {"volumes": [claim]}}


@dataclass
class Machines:
    off: set[str] = field(default_factory=set)
    object_store: str = "minio"
    works: bool = True

    def nodes(self) -> tuple[str, ...]:
        return ("x-control-plane", "x-worker")

    def power_off(self, machine: str) -> None:
        if self.works:
            self.off.add(machine)

    def is_on(self, machine: str) -> bool:
        return machine not in self.off


def target(store: Store | None = None, cluster: Cluster | None = None, machines: Machines | None = None) -> Target:
    return Target(*cast("Any", (cluster, "custos", (store,) if store else (), None, machines)))


def test_a_statement_is_damage_once_no_member_has_anything_left() -> None:
    here = target(Store())
    DROP.inject(here)
    assert DROP.damage(here) == {f"table user on mysql-{n}": "is gone" for n in range(3)}


def test_a_replica_that_did_not_follow_is_no_damage() -> None:
    here = target(Store(deaf=("mysql-2",)))
    DROP.inject(here)
    with pytest.raises(FaultHadNoEffect, match=r"table user.*mysql-2"):
        DROP.damage(here)


@pytest.mark.parametrize("store", [Store(had=0), Store(name="postgres")])
def test_a_statement_with_nothing_to_destroy_is_no_fault(store: Store) -> None:
    with pytest.raises(FaultHadNoEffect, match=r"table user|mysql"):
        DROP.inject(target(store))


def test_lost_nodes_are_off_and_nobody_answers() -> None:
    here = target(Store(silent=True), Cluster({}, answers=False), Machines())
    LoseNodes().inject(here)
    seen = LoseNodes().damage(here)
    assert {"node x-control-plane", "node x-worker", "cluster", "read mysql-0"} <= set(seen)


def test_only_the_control_plane_leaves_the_workers_on() -> None:
    machines = Machines()
    LoseNodes(only_control_plane=True).inject(target(None, None, machines))
    assert machines.off == {"x-control-plane"}


@pytest.mark.parametrize(
    ("machines", "answers", "silent", "says"),
    [
        (Machines(works=False), False, True, "x-control-plane"),
        (Machines(), True, True, "answers"),
        (Machines(), False, False, "mysql-0"),
    ],
)
def test_a_cluster_that_is_still_there_is_no_damage(machines: Machines, answers: bool, silent: bool, says: str) -> None:
    here = target(Store(silent=silent), Cluster({}, answers=answers), machines)
    LoseNodes().inject(here)
    with pytest.raises(FaultHadNoEffect, match=says):
        LoseNodes().damage(here)


def test_deleted_objects_are_gone_and_no_member_answers() -> None:
    fault = DeleteObjects(("statefulsets", "secrets"))
    here = target(Store(silent=True), Cluster({"statefulsets": ["mysql"], "secrets": ["s"]}))
    fault.inject(here)
    assert {"statefulsets", "secrets", "read mysql-0"} <= set(fault.damage(here))


def test_objects_that_stay_or_never_were_are_no_damage() -> None:
    fault = DeleteObjects(("secrets",))
    here = target(Store(silent=True), Cluster({"secrets": ["s"]}, stubborn=True))
    fault.inject(here)
    with pytest.raises(FaultHadNoEffect, match=r"s$"):
        fault.damage(here)
    with pytest.raises(FaultHadNoEffect, match="secrets"):
        fault.inject(target(None, Cluster({})))


def test_lost_volumes_are_those_of_the_pods_and_no_others() -> None:
    fault = LoseVolumes("a replica", ("mysql-1",))
    here = target(None, Cluster({"pods": ["mysql-1", "mysql-11"], "pvc": []}))
    fault.inject(here)
    mine, other = (
        Volume(f"data-{pod}", f"claim-{pod}", "pv", f"pv-{pod}", "local") for pod in ("mysql-1", "x-mysql-11")
    )
    assert set(fault.damage(replace(here, volumes_before=(mine, other)))) == {"volume data-mysql-1"}


def test_volumes_that_stay_or_never_were_are_no_damage() -> None:
    fault = LoseVolumes("a replica", ("mysql-1",))
    volume = Volume("data-mysql-1", "data-mysql-1", "pv", "uid", "local")
    with pytest.raises(FaultHadNoEffect, match="data-mysql-1"):
        fault.damage(replace(target(None, Cluster({"pvc": ["data-mysql-1"]}, stubborn=True)), volumes_before=(volume,)))
    with pytest.raises(FaultHadNoEffect, match="mysql-1"):
        fault.damage(target(None, Cluster({})))
    with pytest.raises(FaultHadNoEffect, match="mysql-1"):
        fault.inject(target(None, Cluster({"pods": ["mysql-2"]})))
