"""Faults that leave something behind which a restore meets: retained volumes, a Secret that is newer than the data."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.model import Volume
from harness.core.ports import Target
from harness.faults.credentials import RotateSecret
from harness.faults.namespace import DeleteNamespace
from harness.faults.volumes import RetainVolumes

BEFORE = tuple(Volume(f"data-{n}", f"c{n}", f"pv-{n}", f"v{n}", "local") for n in range(2))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.01)


@dataclass
class Cluster:
    """Two volumes and a Secret; a volume that is retained is Released when its claim goes."""

    policies: dict[str, str] = field(default_factory=lambda: dict.fromkeys(("pv-0", "pv-1"), "Delete"))
    marked: set[str] = field(default_factory=set)
    claims: bool = True
    deaf: bool = False
    secret: dict[str, Any] = field(
        default_factory=lambda: {"metadata": {"name": "db-credentials"}, "data": {"replica": _coded("old")}}
    )
    store: Store | None = None

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        return BEFORE if self.claims else ()

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[:2] == ("delete", "namespace"):
            self.claims = False
            self.policies = {name: policy for name, policy in self.policies.items() if policy == "Retain"}
        if args[:2] == ("patch", "persistentvolumes") and not self.deaf:
            named = [name for name in self.policies if name in args]
            self.marked |= set(named)
            policy = json.loads(args[-1])["spec"]["persistentVolumeReclaimPolicy"]
            left = {} if policy == "Delete" and not self.claims else dict.fromkeys(named, policy)
            self.policies = {name: p for name, p in self.policies.items() if name not in named} | left
        if args[:2] == ("patch", "secret") and not self.deaf:
            patch = json.loads(stdin or "")
            self.secret["data"] |= patch["data"]
            self.secret["metadata"] |= patch["metadata"]
        if args[0] == "exec" and self.store and self.store.password != "old":  # noqa: S105 # a stand-in's
            raise ToolFailed(["kubectl"], 2, "password authentication failed")
        mine = self.marked if any("selector" in arg for arg in args) else set(self.policies)
        items = {
            "persistentvolumes": [self._volume(name) for name in sorted(mine & set(self.policies))],
            "pvc,pv": [
                *({"kind": "PersistentVolumeClaim", "metadata": {"uid": f"c{n}"}} for n in range(2) if self.claims),
                *(self._volume(name) for name in self.policies),
            ],
            "secrets": [self.secret],
        }
        return json.dumps({"items": items.get(args[1], [])})

    def _volume(self, name: str) -> dict[str, Any]:
        return {
            "kind": "PersistentVolume",
            "metadata": {"name": name, "uid": f"v{name[3:]}"},
            "spec": {"persistentVolumeReclaimPolicy": self.policies[name]},
            "status": {"phase": "Bound" if self.claims else "Released"},
        }


@dataclass
class Store:
    """Takes the statement, unless it is deaf."""

    name: str = "db"
    members: tuple[str, ...] = ("db-0",)
    password: str = "old"  # noqa: S105 # a stand-in's
    deaf: bool = False

    def execute(self, member: str, statement: str) -> None:
        if not self.deaf:
            self.password = statement.removeprefix("SET ")

    def ledger(self, member: str) -> None:
        raise ToolFailed(["kubectl"], 1, "gone")


def _coded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def target(cluster: Cluster, store: Store | None = None) -> Target:
    return Target(*cast("Any", (cluster, "custos", (store,) if store else (), None, None)))


def test_retained_volumes_are_nobodys_once_the_namespace_is_gone_and_removed_in_the_end() -> None:
    cluster = Cluster()
    here = target(cluster, Store())
    RetainVolumes().inject(here)
    assert RetainVolumes().damage(replace(here, volumes_before=BEFORE)) == {
        f"policy of data-{n}": "Retain" for n in range(2)
    }
    DeleteNamespace(retained=True).inject(here)
    seen = DeleteNamespace(retained=True).damage(replace(here, volumes_before=BEFORE))
    assert seen["volume data-0"] == "claim c0 is gone, and volume v0 is retained"
    for _ in range(2):
        RetainVolumes().undo(here)
        assert cluster.policies == {}


def test_volumes_that_are_not_retained_or_are_not_there_are_no_damage() -> None:
    cluster = Cluster(deaf=True)
    RetainVolumes().inject(target(cluster))
    with pytest.raises(FaultHadNoEffect, match="data-0, data-1"):
        RetainVolumes().damage(replace(target(cluster), volumes_before=BEFORE))
    with pytest.raises(FaultHadNoEffect, match="custos"):
        RetainVolumes().inject(target(Cluster(claims=False)))


@pytest.mark.parametrize("retained", [False, True])
def test_a_namespace_is_lost_only_as_its_volumes_should_be(retained: bool) -> None:
    cluster = Cluster()
    here = target(cluster, Store())
    if not retained:
        RetainVolumes().inject(here)
    DeleteNamespace().inject(here)
    with pytest.raises(FaultHadNoEffect, match=r"v0, v1|data-0, data-1"):
        DeleteNamespace(retained=retained).damage(replace(here, volumes_before=BEFORE))


ROTATE = RotateSecret("db", "replica", "SET {value}", ("log", "in"), "db-1")


def test_a_password_is_another_in_the_store_and_in_its_secret() -> None:
    store = Store()
    cluster = Cluster(store=store)
    ROTATE.inject(target(cluster, store))
    assert store.password not in {"old", ""}
    assert cluster.secret["data"] == {"replica": _coded(store.password)}
    assert "old" not in json.dumps(cluster.secret["metadata"]["annotations"])
    seen = ROTATE.damage(target(cluster, store))
    assert seen == {"replica of db-credentials": "is another", "old replica": "password authentication failed"}


@pytest.mark.parametrize(
    ("cluster", "store", "says"),
    [
        (Cluster(deaf=True), Store(), "replica of db-credentials"),
        (Cluster(), Store(deaf=True), "db still"),
    ],
)
def test_a_password_that_is_what_it_was_anywhere_is_no_damage(cluster: Cluster, store: Store, says: str) -> None:
    cluster.store = store
    ROTATE.inject(target(cluster, store))
    with pytest.raises(FaultHadNoEffect, match=says):
        ROTATE.damage(target(cluster, store))


def test_a_password_that_was_of_no_use_cannot_be_rotated() -> None:
    store = Store(password="another")  # noqa: S106 # a stand-in's
    with pytest.raises(FaultHadNoEffect, match="password authentication failed"):
        ROTATE.inject(target(Cluster(store=store), store))
