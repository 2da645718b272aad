"""Faults of how a store is run: stopped, commanded, turned back. In memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.model import Part, Reading, Row, Volume
from harness.core.ports import Target
from harness.faults import observations, stale_volume, statefulset
from harness.faults.command import Command, EditConfig
from harness.faults.stale_volume import TurnBack
from harness.faults.statefulset import NewAddresses

MEMBERS = ("db-0", "db-1")
TWINS = observations.logged("one id")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAMAGE_S", "HEALTHY_S"):
        monkeypatch.setattr(timeouts, name, 0.05)
    monkeypatch.setattr(observations, "STILL_S", 0.01)
    monkeypatch.setattr(stale_volume, "AHEAD", 3)


@dataclass
class Store:
    """Two members whose ledger grows by `pace` writes with each reading."""

    name: str = "db"
    members: tuple[str, ...] = MEMBERS
    pace: int = 1
    silent: bool = False
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MEMBERS, 5))

    def ledger(self, member: str) -> Iterator[Row]:
        if self.silent:
            raise ToolFailed(["kubectl"], 1, "no route")
        self.rows = {name: n + self.pace for name, n in self.rows.items()}
        yield from (Row(n, f"k{n}", "x") for n in range(1, self.rows[member] + 1))


@dataclass
class Cluster:
    """A StatefulSet `db` and a volume on a node; what is done to them is noted in `did`."""

    replicas: int = 2
    kept: dict[str, str] = field(default_factory=dict)
    born: int = 0
    same_addresses: bool = False
    did: list[str] = field(default_factory=list)
    log: str = "all is well\n"
    then: str = ""  # logged once a command was run
    files: dict[str, str] = field(default_factory=lambda: {"id.sh": "id of $1\n", "other.sh": "id of $1\n"})

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        verb = args[0]
        if verb == "get":
            return json.dumps({"items": self._listed(args[1])})
        if verb == "logs":
            return self.log
        self.did.append(" ".join(args[: args.index("-n")] if "-n" in args else args))
        if verb == "scale":
            self.replicas = int(args[3].partition("=")[2])
            self.born += 10
        if verb == "annotate":
            key, equals, value = args[4].partition("=")
            self.kept.pop(key.removesuffix("-"), None)
            self.kept |= {key: value} if equals else {}
        if verb == "exec":
            self.log += self.then
        if verb == "patch":
            self.files |= json.loads(args[-1].partition("=")[2])["data"]
        return ""

    def _listed(self, kind: str) -> list[object]:
        if kind == "configmaps":
            return [{"metadata": {"name": "scripts"}, "data": self.files}, {"metadata": {"name": "empty"}}]
        born = 0 if self.same_addresses else self.born
        if kind == "statefulsets":
            return [{"metadata": {"name": "db", "annotations": self.kept}, "spec": {"replicas": self.replicas}}]
        if kind == "pods":
            return [
                {"metadata": {"name": f"db-{n}", "uid": f"{n}-{self.born}"}, "status": {"podIP": f"10.0.0.{born + n}"}}
                for n in range(self.replicas)
            ]
        term = {"matchExpressions": [{"values": ["worker"]}]}
        place = {"local": {"path": "/disk/pv"}, "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}
        return [{"metadata": {"name": "pv"}, "spec": place}, {"metadata": {"name": "other"}, "spec": place}]

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        return (
            Volume("data-db-0", "c", "pv", "v", "local", "worker", "/disk/pv"),
            Volume("data-db-1", "c1", "pv1", "v1", "local"),
        )


@dataclass
class Machines:
    """One node."""

    did: list[str] = field(default_factory=list)
    turned_back: Callable[[], None] = lambda: None

    def on_node(self, node: str, *argv: str, within_s: float = 60) -> str:
        self.did.append(" ".join(argv))
        if argv[0] == "mv":
            self.turned_back()
        return ""


def target(store: Store | None = None, cluster: Cluster | None = None, machines: Machines | None = None) -> Target:
    stores = (store or Store(),)
    return Target(*cast("Any", (cluster or Cluster(), "custos", stores, None, machines or Machines())))


def test_pods_that_came_back_at_other_addresses_are_the_damage() -> None:
    cluster, fault = Cluster(), NewAddresses("db")
    here = target(cluster=cluster)
    fault.inject(here)
    assert [word for word in cluster.did if word.startswith("scale")] == [
        "scale statefulset db --replicas=0",
        "scale statefulset db --replicas=2",
    ]
    assert fault.damage(here) == {
        "address of db-0": "was 10.0.0.0, is 10.0.0.20",
        "address of db-1": "was 10.0.0.1, is 10.0.0.21",
    }
    fault.undo(here)
    fault.undo(here)
    assert cluster.kept == {}


def test_pods_at_the_addresses_that_they_had_are_no_damage() -> None:
    here = target(cluster=Cluster(same_addresses=True))
    NewAddresses("db").inject(here)
    with pytest.raises(FaultHadNoEffect, match=r"db.*10\.0\.0"):
        NewAddresses("db").damage(here)
    with pytest.raises(FaultHadNoEffect, match="db"):
        NewAddresses("db").damage(target())
    with pytest.raises(FaultHadNoEffect, match="xy"):
        NewAddresses("xy").inject(target())


def test_what_a_killed_harness_left_stopped_is_started_with_as_many_pods_as_there_were() -> None:
    cluster = Cluster()
    here = target(cluster=cluster)
    statefulset.stop(here, "db")
    statefulset.stop(here, "db")
    assert cluster.replicas == 0
    NewAddresses("db").undo(here)
    assert cluster.replicas == 2
    with pytest.raises(FaultHadNoEffect, match="xy"):
        statefulset.stop(here, "xy")


def test_a_command_is_run_in_its_pods_and_the_store_shows_what_came_of_it() -> None:
    cluster = Cluster(then="two of one id\n")
    fault = Command("copy", "db", ("db-1",), ("sh", "-c", "x"), TWINS, restart="db")
    here = target(cluster=cluster)
    fault.inject(here)
    assert "exec" in cluster.did[0]
    assert "scale statefulset db --replicas=2" in cluster.did
    assert fault.damage(here) == {f"log of {member}": "two of one id" for member in MEMBERS}


def test_a_command_that_changed_nothing_is_no_damage() -> None:
    fault = Command("copy", "db", ("db-1",), ("true",), TWINS)
    fault.inject(target())
    with pytest.raises(FaultHadNoEffect, match=r"db.*'one id'"):
        fault.damage(target())
    with pytest.raises(FaultHadNoEffect, match="db-7"):
        Command("copy", "db", ("db-7",), ("true",), TWINS).inject(target())


TWIN = EditConfig("twin", "db", "id.sh", "$1", "${1#db}", TWINS, restart="db")


def test_a_wrong_word_is_rolled_out_and_taken_back() -> None:
    cluster = Cluster(log="two of one id\n")
    here = target(cluster=cluster)
    TWIN.inject(here)
    assert cluster.files == {"id.sh": "id of ${1#db}\n", "other.sh": "id of $1\n"}
    assert "scale statefulset db --replicas=2" in cluster.did
    assert TWIN.damage(here) == {f"log of {member}": "two of one id" for member in MEMBERS}
    TWIN.undo(here)
    TWIN.undo(here)
    assert cluster.files["id.sh"] == "id of $1\n"


def test_a_word_that_is_nowhere_or_that_nobody_minds_is_no_damage() -> None:
    with pytest.raises(FaultHadNoEffect, match=r"id\.sh.*'x'"):
        replace(TWIN, old="x").inject(target())
    here = target()
    TWIN.inject(here)
    with pytest.raises(FaultHadNoEffect, match=r"db.*'one id'"):
        TWIN.damage(here)


def test_a_store_whose_ledger_stands_still_takes_no_writes() -> None:
    assert observations.writes_stand_still(target(), cast("Any", Store(pace=0))) == {
        "writes to db": "db-0 can be read, and stands still at write 5"
    }


@pytest.mark.parametrize("store", [Store(), Store(silent=True, pace=0)])
def test_a_store_that_goes_on_or_cannot_be_read_does_not_stand_still(store: Store) -> None:
    with pytest.raises(FaultHadNoEffect, match=r"write \d|no route"):
        observations.writes_stand_still(target(), cast("Any", store))


@dataclass
class Shown:
    """A store whose members show these parts."""

    parts: dict[str, dict[str, int]]

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(self.parts)

    def digest(self, member: str) -> Reading:
        return Reading(member, {name: Part(rows, "") for name, rows in self.parts[member].items()})


def test_a_member_that_shows_other_rows_than_the_first_differs() -> None:
    store = Shown({"db-0": {"table a": 1, "own b": 1}, "db-1": {"table a": 1, "own b": 2}, "db-2": {"table c": 1}})
    assert list(observations.differing(target(), cast("Any", store))) == ["table a on db-2", "table c on db-2"]
    alike = Shown({"db-0": {"table a": 1, "own b": 1}, "db-1": {"table a": 1, "own b": 2}})
    with pytest.raises(FaultHadNoEffect, match="db-0, db-1"):
        observations.differing(target(), cast("Any", alike))


BACK = TurnBack("db", "db")


def test_a_member_turned_back_lacks_what_the_others_show() -> None:
    store, machines = Store(pace=10), Machines()
    machines.turned_back = lambda: store.rows.update({"db-0": 1})
    here = target(store, machines=machines)
    BACK.inject(here)
    copy = "/disk/pv.drillproof-older"
    assert machines.did == [f"rm -rf {copy}", f"cp -a /disk/pv {copy}", "rm -rf /disk/pv", f"mv {copy} /disk/pv"]
    (seen,) = BACK.damage(here).items()
    assert seen[0] == "db-0 against db-1"
    BACK.undo(here)
    assert machines.did[-1] == f"rm -rf {copy}"


def test_a_member_that_has_all_that_the_others_show_is_no_damage() -> None:
    with pytest.raises(FaultHadNoEffect, match="'db-1': 0"):
        BACK.damage(target())
    with pytest.raises(FaultHadNoEffect, match="xy-0"):
        TurnBack("xy", "db").inject(target())
