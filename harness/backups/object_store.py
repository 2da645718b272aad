"""The S3 bucket with backups: its client, where a repository's parts are in it, and how to bring back old versions."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.core.errors import HarnessError, ToolFailed
from harness.core.ports import Bucket

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import CopySourceTypeDef, ObjectIdentifierTypeDef

BUCKET = "velero"
_MAX_DELETED = 1000  # objects of one request, as S3 allows

LAYOUTS: Mapping[str, Mapping[str, str]] = tomllib.loads(Path(__file__).with_name("layouts.toml").read_text("utf-8"))
"""How the keys begin of all objects of a part, by uploader and part."""


@dataclass(frozen=True)
class ObjectStore:
    inside: str  # its URL for pods
    outside: str  # its URL for us
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "minio"
    folder: str = ""  # how all keys in it begin that are Velero's

    def client(self, within_s: float = 60) -> S3Client:
        """A client from outside the cluster, which waits so many seconds for each answer."""
        return boto3.client(
            "s3",
            endpoint_url=self.outside,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(
                s3={"addressing_style": "path"},
                retries={"max_attempts": 2},
                proxies={},
                connect_timeout=within_s,
                read_timeout=within_s,
            ),
        )

    def silence(self, within_s: float) -> str:
        """Why it does not answer a HEAD of the bucket; "" if it does, and be it with a refusal."""
        try:
            self.client(within_s / 3).head_bucket(Bucket=self.bucket)  # three attempts
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return str(error) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
        except BotoCoreError as error:
            return str(error)
        return ""


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


def empty(bucket: Bucket) -> None:
    """Delete every version of every object. HarnessError if one stays."""
    client, name = bucket.client(), bucket.bucket
    try:
        found = list(versions(client, name))
        for start in range(0, len(found), _MAX_DELETED):
            named: list[ObjectIdentifierTypeDef] = [
                {"Key": each.key, "VersionId": each.id} for each in found[start : start + _MAX_DELETED]
            ]
            answer = client.delete_objects(Bucket=name, Delete={"Objects": named, "Quiet": True})
            if errors := answer.get("Errors"):
                raise HarnessError(f"the bucket cannot be emptied: {errors[0]}")
    except (BotoCoreError, ClientError) as error:
        raise HarnessError(f"the bucket cannot be emptied: {error}") from error


def latest_versions(bucket: Bucket) -> dict[str, str]:
    """The version of each object that the bucket shows now, by its key. ToolFailed if the store refuses."""
    client, name = bucket.client(), bucket.bucket
    try:
        return {each.key: each.id for each in versions(client, name) if each.latest and not each.marker}
    except (BotoCoreError, ClientError) as error:
        raise ToolFailed(["list-object-versions", name], 1, str(error)) from error


def rewind(bucket: Bucket, to: Mapping[str, str]) -> int:
    """Make each object's version of `latest_versions` its newest one again; return how many objects that changed.

    No clock is asked: the bucket's differs from ours. Objects that were created later stay, and objects deleted by
    then stay deleted: a lock that came back would block the repository. ToolFailed if the store refuses.
    """
    client, name = bucket.client(), bucket.bucket
    changed = 0
    try:
        for was in list(versions(client, name)):
            if to.get(was.key) == was.id and not was.latest:
                source: CopySourceTypeDef = {"Bucket": name, "Key": was.key, "VersionId": was.id}
                client.copy_object(Bucket=name, Key=was.key, CopySource=source)
                changed += 1
    except (BotoCoreError, ClientError) as error:
        raise ToolFailed(["rewind", name], 1, str(error)) from error
    return changed
