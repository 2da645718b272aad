"""The fault must break something, and must see that it did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.model import Health, Row, Volume
from harness.core.ports import Datastore, Target
from harness.faults.namespace import DeleteNamespace

BEFORE = (Volume("data-0", "claim-uid", "pv-0", "volume-uid", "local"),)


@dataclass
class OneNamespace:
    """A cluster that knows one claim and its volume, and forgets what `delete` names, unless it is stubborn."""

    left_by_delete: tuple[str, ...] = ()
    name: str = "stub"
    uids: tuple[str, ...] = ("claim-uid", "volume-uid", "of-somebody-else")
    deleted: list[str] = field(default_factory=list)

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "delete":
            self.deleted.append(args[2])
            self.uids = (*self.left_by_delete, "of-somebody-else")
            return ""
        assert "--all-namespaces" in args
        return json.dumps({"items": [{"metadata": {"uid": uid}} for uid in self.uids]})

    def up(self) -> None: ...
    def down(self) -> None: ...
    def collect(self, into: Path) -> None: ...
    def forward(self, namespace: str, pod: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        raise NotImplementedError

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        return BEFORE


@dataclass
class OneMember:
    rows: tuple[Row, ...] | None
    name: str = "store"
    members: tuple[str, ...] = ("store-0",)

    def ledger(self, member: str) -> Iterator[Row]:
        if self.rows is None:
            raise ToolFailed(["kubectl", "port-forward"], 1, 'pods "store-0" not found')
        yield from self.rows

    def health(self, member: str) -> Health:
        raise ToolFailed(["kubectl", "port-forward"], 1, "its primary is gone; nobody asked for that")


def target(cluster: OneNamespace, rows: tuple[Row, ...] | None = None) -> Target:
    nothing = cast("Any", None)
    return Target(cluster, "custos", (cast("Datastore", OneMember(rows)),), nothing, nothing)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.01)


def test_the_damage_is_every_claim_gone_and_every_member_silent() -> None:
    cluster = OneNamespace()
    DeleteNamespace().inject(target(cluster))
    seen = DeleteNamespace().damage(replace(target(cluster), volumes_before=BEFORE))
    assert cluster.deleted == ["custos"]
    assert set(seen) == {"volume data-0", "read store-0"}
    assert "claim-uid" in seen["volume data-0"]
    assert "volume-uid" in seen["volume data-0"]
    assert "not found" in seen["read store-0"]


@pytest.mark.parametrize("left", ["claim-uid", "volume-uid"])
def test_a_claim_or_volume_that_stays_is_no_damage(left: str) -> None:
    cluster = OneNamespace(left_by_delete=(left,))
    DeleteNamespace().inject(target(cluster))
    with pytest.raises(FaultHadNoEffect, match=left):
        DeleteNamespace().damage(replace(target(cluster), volumes_before=BEFORE))


@pytest.mark.parametrize(("rows", "what"), [((Row(7, "k7", "7-x"),), "write 7"), ((), "an empty ledger")])
def test_a_member_that_can_still_be_read_is_no_damage_though_its_primary_is_gone(
    rows: tuple[Row, ...], what: str
) -> None:
    with pytest.raises(FaultHadNoEffect, match=f"store-0 .*{what}"):
        DeleteNamespace().damage(replace(target(OneNamespace(uids=()), rows), volumes_before=BEFORE))


def test_a_namespace_without_volumes_proves_nothing() -> None:
    with pytest.raises(FaultHadNoEffect, match="custos"):
        DeleteNamespace().damage(target(OneNamespace(uids=())))


def test_undo_may_be_called_twice() -> None:
    cluster = OneNamespace()
    DeleteNamespace().undo(target(cluster))
    DeleteNamespace().undo(target(cluster))
    assert cluster.deleted == []
