"""Brings a versioned bucket back to an earlier time: what was deleted or overwritten exists again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from harness.core.errors import ToolFailed
from harness.core.ports import Bucket

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


@dataclass(frozen=True)
class Version:
    """One version of an object, or the marker that it was deleted."""

    key: str
    id: str
    at: datetime
    latest: bool
    marker: bool


def versions(client: S3Client, bucket: str) -> Iterator[Version]:
    """All versions and markers, in no order that counts."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for thing in page.get("Versions", ()):
            yield Version(thing["Key"], thing["VersionId"], thing["LastModified"], thing["IsLatest"], marker=False)
        for mark in page.get("DeleteMarkers", ()):
            yield Version(mark["Key"], mark["VersionId"], mark["LastModified"], mark["IsLatest"], marker=True)


def rewind(bucket: Bucket, to: datetime) -> int:
    """Make each object's version of the time `to` its newest one again; return how many objects that changed.

    Objects that were created later stay, and objects deleted by then stay deleted: a lock that came back would block
    the repository. ToolFailed if the store refuses.
    """
    client, name = bucket.client(), bucket.bucket
    changed = 0
    try:
        listed = sorted(versions(client, name), key=lambda version: (version.key, version.at))
        for key, group in groupby(listed, key=lambda version: version.key):
            was = [version for version in group if version.at <= to][-1:]
            if was and not was[0].marker and not was[0].latest:
                client.copy_object(
                    Bucket=name, Key=key, CopySource={"Bucket": name, "Key": key, "VersionId": was[0].id}
                )
                changed += 1
    except (BotoCoreError, ClientError) as error:
        raise ToolFailed(["rewind", name], 1, str(error)) from error
    return changed
