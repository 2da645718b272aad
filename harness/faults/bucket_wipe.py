"""A bucket that keeps every version under object lock, and somebody who deletes all of it nevertheless."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from botocore.exceptions import ClientError

from harness.backups.bucket_versions import versions
from harness.core.errors import FaultHadNoEffect
from harness.core.model import Volume
from harness.core.ports import Reach, Target

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_PROBE = "drillproof-probe"


@dataclass(frozen=True)
class LockObjects:
    """No fault but what was done against one: for a day no version of what is written can be deleted, by anybody.

    It ends for new objects when it is undone; what was written under it stays locked.
    """

    name: str = "lock-objects"
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.BUCKET

    def inject(self, target: Target) -> None:
        """Make the empty bucket anew with object lock, which it can get at no other time."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        if not _can_lock(client, bucket):
            if next(versions(client, bucket), None):
                raise FaultHadNoEffect(
                    f"the bucket {bucket} holds backups already, and only a new one can get object lock;"
                    " drill on a cluster of its own (--cluster NAME)"
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

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """A probe was written, and the store refuses to delete its version. FaultHadNoEffect if it does not."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        version = client.put_object(Bucket=bucket, Key=_PROBE, Body=b"probe").get("VersionId", "null")
        refusal = _refusal(client, bucket, _PROBE, version)
        client.delete_object(Bucket=bucket, Key=_PROBE)  # only from the listing
        if not refusal:
            raise FaultHadNoEffect(f"a version in the bucket {bucket} can be deleted")
        return {"deletion of a version": refusal}

    def undo(self, target: Target) -> None:
        """Lock no more of what is written from now on."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        if _can_lock(client, bucket):
            client.put_object_lock_configuration(
                Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
            )


@dataclass(frozen=True)
class DeleteEverything:
    """Somebody with all rights to the bucket deletes all objects in it, and all their versions if the store allows."""

    name: str = "delete-everything in the bucket"
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.BUCKET

    def inject(self, target: Target) -> None:
        """The versions first: with the markers that a plain deletion leaves, the objects' end would go as well."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        there = [version for version in versions(client, bucket) if not version.marker]
        if not there:
            raise FaultHadNoEffect(f"the bucket {bucket} is empty")
        for version in there:
            _refusal(client, bucket, version.key, version.id)
        for key in list(_shown(client, bucket)):
            client.delete_object(Bucket=bucket, Key=key)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """The bucket shows nothing; and what is left of older versions, with how the store refuses to delete one."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        if shown := list(_shown(client, bucket)):
            raise FaultHadNoEffect(f"the bucket {bucket} still shows {len(shown)} objects, {shown[0]} among them")
        left = [version for version in versions(client, bucket) if not version.marker]
        refusal = _refusal(client, bucket, left[0].key, left[0].id) if left else ""
        older = f"{len(left)} are left; to delete one: {refusal or 'was done'}" if left else "none is left"
        return {f"bucket {bucket}": "shows no object", "older versions": older}

    def undo(self, target: Target) -> None:
        """Nothing to take away: it is done, and only older versions help."""


def _can_lock(client: S3Client, bucket: str) -> bool:
    try:
        client.get_object_lock_configuration(Bucket=bucket)
    except ClientError:
        return False
    return True


def _refusal(client: S3Client, bucket: str, key: str, version: str) -> str:
    """What the store says to the deletion of one version; "" if it was done."""
    try:
        client.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)
    except ClientError as error:
        return str(error)
    return ""


def _shown(client: S3Client, bucket: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (thing["Key"] for thing in page.get("Contents", ()))
