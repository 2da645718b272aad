"""A bucket under object lock withstands somebody who deletes everything, and is brought back to how it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from botocore.exceptions import ClientError

from harness.backups.object_store import Version, latest_versions, rewind
from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.ports import Bucket, Target
from harness.faults.bucket import DeleteEverything, LockObjects

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def refused(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "InvalidRequest", "Message": "Object is WORM protected"}}, operation)


@dataclass(frozen=True)
class Kept:
    """A version, its content, and whether it is locked."""

    version: Version
    body: bytes = b""
    locked: bool = False


@dataclass
class FakeS3:
    """One bucket. It can keep versions, and then lock what is written; each write is a minute later."""

    keeps: bool = False
    locks: bool = False
    kept: list[Kept] = field(default_factory=list)
    clock: datetime = NOON
    broken: bool = False
    deaf: bool = False  # takes deletions, and does nothing

    def create_bucket(self, Bucket: str, *, ObjectLockEnabledForBucket: bool) -> None:  # noqa: N803 - boto's names
        assert Bucket == "b"
        self.keeps = ObjectLockEnabledForBucket

    def delete_bucket(self, Bucket: str) -> None:  # noqa: N803 - boto's names
        assert Bucket == "b"
        assert not self.kept

    def get_object_lock_configuration(self, Bucket: str) -> None:  # noqa: N803 - boto's names
        assert Bucket == "b"
        if not self.keeps:
            raise refused("GetObjectLockConfiguration")

    def put_object_lock_configuration(self, Bucket: str, ObjectLockConfiguration: dict[str, object]) -> None:  # noqa: N803
        self.get_object_lock_configuration(Bucket)
        self.locks = "Rule" in ObjectLockConfiguration

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> dict[str, str]:  # noqa: N803 - boto's names
        assert Bucket == "b"
        return {"VersionId": self._add(Key, Body, marker=False)}

    def delete_object(
        self,
        Bucket: str,  # noqa: N803 - boto's names
        Key: str,  # noqa: N803
        VersionId: str = "",  # noqa: N803
        *,
        BypassGovernanceRetention: bool = False,  # noqa: N803
    ) -> None:
        assert Bucket == "b"
        if self.deaf:
            return
        if not VersionId and self.keeps:
            self._add(Key, b"", marker=True)
            return
        assert BypassGovernanceRetention or not VersionId, "an attacker would try it with all rights"
        hit = [each for each in self.kept if each.version.key == Key and each.version.id == (VersionId or "null")]
        if any(each.locked for each in hit):
            raise refused("DeleteObject")
        self.kept = [each for each in self.kept if each not in hit]
        self._last(Key)

    def copy_object(self, Bucket: str, Key: str, CopySource: dict[str, str]) -> None:  # noqa: N803 - boto's names
        assert (Bucket, CopySource["Bucket"], CopySource["Key"]) == ("b", "b", Key)
        if self.broken:
            raise refused("CopyObject")
        (source,) = [each for each in self.kept if each.version.id == CopySource["VersionId"]]
        self._add(Key, source.body, marker=False)

    def get_paginator(self, kind: str) -> SimpleNamespace:
        return SimpleNamespace(
            paginate={"list_objects_v2": self._objects, "list_object_versions": self._versions}[kind]
        )

    def _objects(self, Bucket: str, Prefix: str) -> Iterator[dict[str, list[dict[str, object]]]]:  # noqa: N803 - boto's name
        yield (
            {"Contents": [{"Key": key, "Size": 1} for key in self.shown() if key.startswith(Prefix)]}
            if self.shown()
            else {}
        )

    def _versions(self, Bucket: str) -> Iterator[dict[str, list[dict[str, object]]]]:  # noqa: N803 - boto's name
        for each in [each.version for each in self.kept]:
            said = {"Key": each.key, "VersionId": each.id, "LastModified": each.at, "IsLatest": each.latest}
            yield {"DeleteMarkers" if each.marker else "Versions": [said]}

    def shown(self) -> dict[str, bytes]:
        """What a plain listing and reading shows."""
        return {each.version.key: each.body for each in self.kept if each.version.latest and not each.version.marker}

    def _add(self, key: str, body: bytes, *, marker: bool) -> str:
        self.clock += timedelta(minutes=1)
        if not self.keeps:
            self.kept = [each for each in self.kept if each.version.key != key]
        made = Version(key, f"v{len(self.kept)}" if self.keeps else "null", self.clock, latest=True, marker=marker)
        self.kept.append(Kept(made, body, locked=self.locks and not marker))
        self._last(key)
        return made.id

    def _last(self, key: str) -> None:
        of = [each for each in self.kept if each.version.key == key]
        self.kept = [
            replace(each, version=replace(each.version, latest=each is of[-1])) if each in of else each
            for each in self.kept
        ]


def bucket(s3: FakeS3) -> Bucket:
    return cast("Bucket", SimpleNamespace(bucket="b", client=lambda: s3))


def target(s3: FakeS3) -> Target:
    return cast("Target", SimpleNamespace(bucket=bucket(s3)))


def written(s3: FakeS3) -> dict[str, bytes]:
    """A backup, with a lock that came and went."""
    s3.put_object("b", "lock", b"lock")
    s3.put_object("b", "pack", b"old")
    s3.put_object("b", "pack", b"pack")
    s3.put_object("b", "key", b"key")
    s3.delete_object("b", "lock")
    return s3.shown()


def test_what_was_locked_outlives_the_deletion_of_everything_and_comes_back() -> None:
    s3 = FakeS3()
    LockObjects().inject(target(s3))
    assert "WORM" in LockObjects().damage(target(s3))["deletion of a version"]
    backup, stored = written(s3), latest_versions(bucket(s3))
    LockObjects().undo(target(s3))
    assert not s3.locks
    s3.put_object("b", "later", b"later")
    DeleteEverything().inject(target(s3))
    assert s3.shown() == {}
    seen = DeleteEverything().damage(target(s3))
    assert seen["bucket b"] == "shows no object"
    assert "WORM" in seen["older versions"]
    assert rewind(bucket(s3), stored) == 2
    assert s3.shown() == backup == {"pack": b"pack", "key": b"key"}
    assert rewind(bucket(s3), stored) == 2  # the copies are as new as can be: again does no harm
    assert s3.shown() == backup


def test_what_was_overwritten_comes_back_and_what_is_as_it_was_or_newer_stays() -> None:
    s3 = FakeS3(keeps=True)
    written(s3)
    stored = latest_versions(bucket(s3))
    s3.clock -= timedelta(hours=1)  # the bucket's clock is set back
    s3.put_object("b", "pack", b"encrypted")
    s3.put_object("b", "later", b"later")
    assert rewind(bucket(s3), stored) == 1
    assert s3.shown() == {"pack": b"pack", "key": b"key", "later": b"later"}


@pytest.mark.parametrize("keeps", [False, True])
def test_without_object_lock_nothing_is_left_and_nothing_comes_back(keeps: bool) -> None:
    s3 = FakeS3(keeps=keeps)
    written(s3)
    stored = latest_versions(bucket(s3))
    DeleteEverything().inject(target(s3))
    assert DeleteEverything().damage(target(s3))["older versions"] == "none is left"
    assert rewind(bucket(s3), stored) == 0
    assert s3.shown() == {}


def test_a_bucket_that_still_shows_something_is_no_damage_and_an_empty_one_none_to_do() -> None:
    s3 = FakeS3(deaf=True)
    with pytest.raises(FaultHadNoEffect, match="b"):
        DeleteEverything().inject(target(s3))
    written(s3)
    DeleteEverything().inject(target(s3))
    with pytest.raises(FaultHadNoEffect, match="3 objects"):
        DeleteEverything().damage(target(s3))


def test_a_bucket_with_backups_cannot_get_object_lock_any_more() -> None:
    s3 = FakeS3()
    written(s3)
    with pytest.raises(FaultHadNoEffect, match="--cluster"):
        LockObjects().inject(target(s3))
    LockObjects().undo(target(s3))


def test_a_bucket_that_has_object_lock_of_an_earlier_drill_keeps_what_it_holds() -> None:
    s3 = FakeS3(keeps=True)
    earlier = written(s3)
    LockObjects().inject(target(s3))
    assert s3.locks
    assert s3.shown() == earlier


def test_a_bucket_that_lets_versions_be_deleted_is_not_locked() -> None:
    s3 = FakeS3(keeps=True)
    with pytest.raises(FaultHadNoEffect, match="bucket b"):
        LockObjects().damage(target(s3))


def test_a_store_that_refuses_to_bring_back_is_said_so() -> None:
    s3 = FakeS3(keeps=True, broken=True)
    written(s3)
    with pytest.raises(ToolFailed, match="WORM"):
        rewind(bucket(s3), {"pack": next(each.version.id for each in s3.kept if each.version.key == "pack")})
