"""Faults in the bucket do what they say, see it for themselves, and are taken away again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from harness.core.errors import FaultHadNoEffect
from harness.core.ports import Target
from harness.faults.bucket import DamageObjects, ObjectDamage

LAYOUT = {"packs": "restic/custos/data/", "index": "restic/custos/index/"}
KEY = "restic/custos/data/ab/large"


class NoSuchKey(Exception):
    """As S3 says it."""


@dataclass
class FakeS3:
    """The few calls that the faults make."""

    kept: dict[str, dict[str, bytes]]
    exceptions: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(NoSuchKey=NoSuchKey))

    def list_buckets(self) -> dict[str, list[dict[str, str]]]:
        return {"Buckets": [{"Name": name} for name in self.kept]}

    def create_bucket(self, Bucket: str) -> None:  # noqa: N803 - boto's names
        assert Bucket not in self.kept
        self.kept[Bucket] = {}

    def delete_bucket(self, Bucket: str) -> None:  # noqa: N803 - boto's names
        assert not self.kept.pop(Bucket)

    def get_object(self, Bucket: str, Key: str) -> dict[str, io.BytesIO]:  # noqa: N803 - boto's names
        if Key not in self.kept[Bucket]:
            raise NoSuchKey(Key)
        return {"Body": io.BytesIO(self.kept[Bucket][Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - boto's names
        self.kept[Bucket][Key] = Body

    def delete_object(self, Bucket: str, Key: str) -> None:  # noqa: N803 - boto's names
        self.kept[Bucket].pop(Key, None)

    def copy_object(self, Bucket: str, Key: str, CopySource: dict[str, str]) -> None:  # noqa: N803 - boto's names
        self.kept[Bucket][Key] = self.kept[CopySource["Bucket"]][CopySource["Key"]]

    def get_paginator(self, _: str) -> FakeS3:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Iterator[dict[str, list[dict[str, object]]]]:  # noqa: N803
        yield {"Contents": [{"Key": k, "Size": len(v)} for k, v in self.kept[Bucket].items() if k.startswith(Prefix)]}


@pytest.fixture
def s3() -> FakeS3:
    """A bucket with two packs and an index."""
    packs = {KEY: b"0123456789", "restic/custos/data/cd/small": b"abc"}
    return FakeS3({"velero": packs | {"restic/custos/index/one": b"index", "restic/other/data/x": b"x" * 99}})


def _target(s3: FakeS3) -> Target:
    bucket = SimpleNamespace(bucket="velero", client=lambda: s3)
    return cast("Target", SimpleNamespace(namespace="custos", bucket=bucket, layout=LAYOUT))


@pytest.mark.parametrize(
    ("rot", "now", "seen"),
    [
        (ObjectDamage.CUT, b"01234", "5 of 10 bytes are left"),
        (ObjectDamage.FLIPPED, b"01234\xca6789", "1 of 10 bytes changed, the first at 5"),
        (ObjectDamage.MISSING, None, "gone, with 10 bytes"),
    ],
)
def test_the_largest_object_rots_is_seen_and_comes_back(
    s3: FakeS3, rot: ObjectDamage, now: bytes | None, seen: str
) -> None:
    before = dict(s3.kept["velero"])
    fault, target = DamageObjects("pack", "packs", rot), _target(s3)
    fault.inject(target)
    assert s3.kept["velero"].get(KEY) == now
    assert {k: v for k, v in s3.kept["velero"].items() if k != KEY} == {k: v for k, v in before.items() if k != KEY}
    assert fault.damage(target) == {KEY: seen}
    fault.undo(target)
    fault.undo(target)
    assert s3.kept == {"velero": before}


def test_every_object_of_a_prefix_is_lost(s3: FakeS3) -> None:
    fault = DamageObjects("packs", "packs", ObjectDamage.MISSING, every=True)
    fault.inject(_target(s3))
    assert set(s3.kept["velero"]) == {"restic/custos/index/one", "restic/other/data/x"}
    assert len(fault.damage(_target(s3))) == 2


def test_without_a_part_all_of_the_bucket_is_struck(s3: FakeS3) -> None:
    fault = DamageObjects("everything", "", ObjectDamage.MISSING, every=True)
    fault.inject(_target(s3))
    assert s3.kept["velero"] == {}
    assert (fault.needs, DamageObjects("pack", "packs", ObjectDamage.CUT).needs) == ((), ("packs",))


def test_a_spoilt_object_that_was_mended_is_no_damage(s3: FakeS3) -> None:
    fault, target = DamageObjects("pack", "packs", ObjectDamage.FLIPPED), _target(s3)
    fault.inject(target)
    s3.kept["velero"][KEY] = b"0123456789"
    with pytest.raises(FaultHadNoEffect, match=KEY):
        fault.damage(target)


def test_without_a_pack_there_is_nothing_to_spoil_and_no_damage(s3: FakeS3) -> None:
    s3.kept["velero"].clear()
    fault, target = DamageObjects("pack", "packs", ObjectDamage.CUT), _target(s3)
    with pytest.raises(FaultHadNoEffect, match="restic/custos/data/"):
        fault.inject(target)
    with pytest.raises(FaultHadNoEffect, match="pack-cut"):
        fault.damage(target)
    fault.undo(target)


def test_a_fault_that_a_killed_harness_left_is_undone_before_the_next(s3: FakeS3) -> None:
    before = dict(s3.kept["velero"])
    fault, target = DamageObjects("pack", "packs", ObjectDamage.CUT), _target(s3)
    fault.inject(target)
    fault.inject(target)
    fault.undo(target)
    assert s3.kept == {"velero": before}
