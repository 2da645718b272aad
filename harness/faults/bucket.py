"""Objects in the bucket are damaged or deleted, with and without object lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from harness.backups.object_store import versions
from harness.core.errors import FaultHadNoEffect
from harness.core.ports import Reach, Target
from harness.faults.base import BaseFault

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_PROBE = "drillproof-probe"


class ObjectDamage(Enum):
    CUT = "cut"  # its second half is gone
    FLIPPED = "flipped"  # one byte in its middle changes; its length stays
    MISSING = "missing"


@dataclass(frozen=True)
class DamageObjects(BaseFault):
    """Damages objects of one part of the repository: the largest one, or `every` one.

    The originals are copied into another bucket of the same store, so that they survive a killed harness.
    """

    what: str  # for the fault's name, and for that of the bucket with the originals
    part: str  # as the engine calls it: packs, index, snapshots; "" for everything in the bucket
    how: ObjectDamage
    every: bool = False
    title = "{what}-{how.value}"
    reach = Reach.BUCKET

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.part,) if self.part else ()

    def inject(self, target: Target) -> None:
        self.undo(target)  # left by a killed harness: damaged objects must never overwrite the originals
        client, bucket = target.bucket.client(), target.bucket.bucket
        prefix = target.layout[self.part] if self.part else ""
        sizes = dict(_listed(client, bucket, prefix))
        if not sizes:
            raise FaultHadNoEffect(f"the bucket {bucket} has no object under {prefix}")
        originals = self._originals(bucket)
        client.create_bucket(Bucket=originals)
        keys = sorted(sizes) if self.every else [max(sizes, key=lambda key: (sizes[key], key))]
        for key in keys:
            client.copy_object(Bucket=originals, Key=key, CopySource={"Bucket": bucket, "Key": key})
        for key in keys:
            damaged = _damaged(_read(client, bucket, key) or b"", self.how)
            if damaged is None:
                client.delete_object(Bucket=bucket, Key=key)
            else:
                client.put_object(Bucket=bucket, Key=key, Body=damaged)

    def damage(self, target: Target) -> Mapping[str, str]:
        """How each object differs from its original."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        originals = self._originals(bucket)
        keys = [key for key, _ in _listed(client, originals, "")] if originals in _buckets(client) else []
        if not keys:
            raise FaultHadNoEffect(f"{self.name} damaged no object")
        return {key: _difference(key, _read(client, originals, key), _read(client, bucket, key)) for key in keys}

    def undo(self, target: Target) -> None:
        client, bucket = target.bucket.client(), target.bucket.bucket
        originals = self._originals(bucket)
        if originals not in _buckets(client):
            return
        for key in [key for key, _ in _listed(client, originals, "")]:
            client.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": originals, "Key": key})
            client.delete_object(Bucket=originals, Key=key)
        client.delete_bucket(Bucket=originals)

    def _originals(self, bucket: str) -> str:
        return f"{bucket}-before-{self.name}"


@dataclass(frozen=True)
class LockObjects(BaseFault):
    """Not a fault but a protection against one: for a day nobody can delete a version of a new object.

    `undo` ends it for new objects. Objects written before stay locked.
    """

    title = "lock-objects"
    reach = Reach.BUCKET

    def inject(self, target: Target) -> None:
        """Create the empty bucket again: object lock is enabled at creation only."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        if not _can_lock(client, bucket):
            if next(versions(client, bucket), None):
                raise FaultHadNoEffect(
                    f"the bucket {bucket} already holds backups, and object lock is enabled when a bucket is created;"
                    " drill on a new cluster (--cluster NAME)"
                )
            client.delete_bucket(Bucket=bucket)
            client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        client.put_object_lock_configuration(
            Bucket=bucket,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
            },
        )

    def damage(self, target: Target) -> Mapping[str, str]:
        """How the store refuses to delete the version of a test object."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        version = client.put_object(Bucket=bucket, Key=_PROBE, Body=b"probe").get("VersionId", "null")
        refusal = _delete_version(client, bucket, _PROBE, version)
        client.delete_object(Bucket=bucket, Key=_PROBE)  # hides it, as the version stays
        if not refusal:
            raise FaultHadNoEffect(f"the bucket {bucket} lets a version be deleted")
        return {"deletion of a version": refusal}

    def undo(self, target: Target) -> None:
        client, bucket = target.bucket.client(), target.bucket.bucket
        if _can_lock(client, bucket):
            client.put_object_lock_configuration(
                Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
            )


@dataclass(frozen=True)
class DeleteEverything(BaseFault):
    """Somebody with all rights to the bucket deletes every object, and every version that the store allows."""

    title = "delete-everything in the bucket"
    reach = Reach.BUCKET

    def inject(self, target: Target) -> None:
        """The versions first: the delete markers of plain deletions would become versions themselves."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        existing = [version for version in versions(client, bucket) if not version.marker]
        if not existing:
            raise FaultHadNoEffect(f"the bucket {bucket} is empty")
        for version in existing:
            _delete_version(client, bucket, version.key, version.id)
        for key in [key for key, _ in _listed(client, bucket, "")]:
            client.delete_object(Bucket=bucket, Key=key)

    def damage(self, target: Target) -> Mapping[str, str]:
        """The bucket lists no object; how many older versions remain, and how the store refuses to delete one."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        if listed := [key for key, _ in _listed(client, bucket, "")]:
            raise FaultHadNoEffect(f"the bucket {bucket} still lists {len(listed)} objects, for example {listed[0]}")
        left = [version for version in versions(client, bucket) if not version.marker]
        refusal = _delete_version(client, bucket, left[0].key, left[0].id) if left else ""
        older = f"{len(left)} are left; deleting one: {refusal or 'succeeded'}" if left else "none is left"
        return {f"bucket {bucket}": "shows no object", "older versions": older}


def _damaged(whole: bytes, how: ObjectDamage) -> bytes | None:
    middle = len(whole) // 2
    if how is ObjectDamage.MISSING:
        return None
    if not whole:
        raise FaultHadNoEffect("an empty object cannot be damaged")
    if how is ObjectDamage.CUT:
        return whole[:middle]
    return whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]


def _difference(key: str, was: bytes | None, now: bytes | None) -> str:
    if was is None or was == now:
        raise FaultHadNoEffect(f"{key} did not change")
    if now is None:
        return f"gone, with {len(was)} bytes"
    if len(was) != len(now):
        return f"{len(now)} of {len(was)} bytes are left"
    changed = [at for at, (old, new) in enumerate(zip(was, now, strict=True)) if old != new]
    return f"{len(changed)} of {len(was)} bytes changed, the first at {changed[0]}"


def _read(client: S3Client, bucket: str, key: str) -> bytes | None:
    try:
        return client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except client.exceptions.NoSuchKey:
        return None


def _listed(client: S3Client, bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from ((thing["Key"], thing["Size"]) for thing in page.get("Contents", ()))


def _buckets(client: S3Client) -> set[str]:
    return {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}


def _can_lock(client: S3Client, bucket: str) -> bool:
    try:
        client.get_object_lock_configuration(Bucket=bucket)
    except ClientError:
        return False
    return True


def _delete_version(client: S3Client, bucket: str, key: str, version: str) -> str:
    """How the store refuses to delete one version; "" if it deleted it."""
    try:
        client.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)
    except ClientError as error:
        return str(error)
    return ""
