"""Objects of a backup rot, or are lost, in the bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from harness.core.errors import FaultHadNoEffect
from harness.core.model import Volume
from harness.core.ports import Reach, Target

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


class Rot(Enum):
    """What becomes of an object."""

    CUT = "cut"  # its second half is gone
    FLIPPED = "flipped"  # one byte in its middle is another, its length is what it was
    MISSING = "missing"


@dataclass(frozen=True)
class SpoilObjects:
    """Spoils objects of a part of the repository: the largest one, or `every` one.

    Copies of what is spoilt lie in a bucket of their own in the same store, so that they outlive a killed harness.
    """

    what: str  # in the fault's name, and in that of the bucket of copies
    part: str  # as the engine calls it: packs, index, snapshots; "" for all that is in the bucket
    rot: Rot
    every: bool = False
    reach: ClassVar[Reach] = Reach.BUCKET

    @property
    def name(self) -> str:
        """For instance `pack-flipped`."""
        return f"{self.what}-{self.rot.value}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The part, which the engine's repository must have."""
        return (self.part,) if self.part else ()

    def inject(self, target: Target) -> None:
        """Copy what will be spoilt, then spoil it. FaultHadNoEffect if there is nothing to spoil."""
        self.undo(target)  # a killed harness may have left it; spoilt objects must not become the copies
        client, bucket = target.bucket.client(), target.bucket.bucket
        prefix = target.layout[self.part] if self.part else ""
        sizes = dict(_listed(client, bucket, prefix))
        if not sizes:
            raise FaultHadNoEffect(f"no object in the bucket begins with {prefix}")
        copies = self._copies(bucket)
        client.create_bucket(Bucket=copies)
        keys = sorted(sizes) if self.every else [max(sizes, key=lambda key: (sizes[key], key))]
        for key in keys:
            client.copy_object(Bucket=copies, Key=key, CopySource={"Bucket": bucket, "Key": key})
        for key in keys:
            spoilt = _spoilt(_read(client, bucket, key) or b"", self.rot)
            if spoilt is None:
                client.delete_object(Bucket=bucket, Key=key)
            else:
                client.put_object(Bucket=bucket, Key=key, Body=spoilt)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 - of the seam
        """How each object differs from its copy. FaultHadNoEffect if there is no copy, or one is as it was."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        copies = self._copies(bucket)
        kept = [key for key, _ in _listed(client, copies, "")] if copies in _buckets(client) else []
        if not kept:
            raise FaultHadNoEffect(f"{self.name} spoilt nothing")
        return {key: _difference(key, _read(client, copies, key), _read(client, bucket, key)) for key in kept}

    def undo(self, target: Target) -> None:
        """Put every copy back, and remove it."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        copies = self._copies(bucket)
        if copies not in _buckets(client):
            return
        for key in [key for key, _ in _listed(client, copies, "")]:
            client.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": copies, "Key": key})
            client.delete_object(Bucket=copies, Key=key)
        client.delete_bucket(Bucket=copies)

    def _copies(self, bucket: str) -> str:
        return f"{bucket}-before-{self.name}"


def _spoilt(whole: bytes, rot: Rot) -> bytes | None:
    """What is left; None if nothing is, not even the object."""
    middle = len(whole) // 2
    if rot is Rot.MISSING:
        return None
    if not whole:
        raise FaultHadNoEffect("an empty object cannot be spoilt")
    if rot is Rot.CUT:
        return whole[:middle]
    return whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]


def _difference(key: str, was: bytes | None, now: bytes | None) -> str:
    if was is None or was == now:
        raise FaultHadNoEffect(f"{key} is what it was")
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
