"""An object store that is down is seen to be down, by its machine and by its silence."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from harness.core.errors import FaultHadNoEffect
from harness.core.ports import Target
from harness.faults.objectstore import ObjectStoreDown


@dataclass
class FakeStore:
    """A machine and the service on it, each of which may fail to go down."""

    on: bool = True
    stays_on: bool = False
    says: Exception | None = None  # what it answers although it is off
    object_store: str = "store"

    def power_off(self, machine: str) -> None:
        assert machine == self.object_store
        self.on = self.stays_on

    def power_on(self, machine: str) -> None:
        assert machine == self.object_store
        self.on = True

    def is_on(self, machine: str) -> bool:
        assert machine == self.object_store
        return self.on

    def head_bucket(self, Bucket: str) -> None:  # noqa: N803 - boto's name
        assert Bucket == "velero"
        if not self.on:
            raise self.says or EndpointConnectionError(endpoint_url="store")

    def target(self) -> Target:
        """What the fault acts on."""
        bucket = SimpleNamespace(bucket="velero", client=lambda: self)
        return cast("Target", SimpleNamespace(machines=self, bucket=bucket))


def test_it_goes_down_is_seen_and_comes_back() -> None:
    store = FakeStore()
    ObjectStoreDown().inject(store.target())
    assert "does not run" in ObjectStoreDown().damage(store.target())["store"]
    ObjectStoreDown().undo(store.target())
    ObjectStoreDown().undo(store.target())
    assert store.on


@pytest.mark.parametrize(
    "store",
    [FakeStore(stays_on=True), FakeStore(says=ClientError({"Error": {"Code": "403"}}, "HeadBucket"))],
    ids=["machine still on", "something answers at its address"],
)
def test_a_store_that_still_runs_or_answers_is_not_down(store: FakeStore) -> None:
    ObjectStoreDown().inject(store.target())
    with pytest.raises(FaultHadNoEffect, match="still"):
        ObjectStoreDown().damage(store.target())
