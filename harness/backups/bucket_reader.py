"""Reads a bucket with another Velero's backups. It only lists and reads, so rights for that suffice."""

from __future__ import annotations

import configparser
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.core.errors import HarnessError, Misconfigured
from harness.core.parallel import for_each
from harness.core.ports import Bucket

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

AT_ONCE = 8
"""Objects that are fetched at once; one after the other, round trips would take longer than the bytes."""

_FILE = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_ENV = tuple(name.upper() for name in _FILE)

_CREDENTIALS = (
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidTokenId"),
    *("AuthorizationHeaderMalformed", "401"),
)


@dataclass(frozen=True)
class BucketLocation:
    bucket: str
    prefix: str = ""  # as in Velero's BackupStorageLocation
    endpoint: str = ""  # a URL; "" for AWS itself
    region: str = "us-east-1"

    @property
    def name(self) -> str:
        folder = f"/{self.prefix}" if self.prefix else ""
        return f"{self.bucket}{folder} at {self.endpoint or 'AWS'}"

    @property
    def address(self) -> str:
        """A short word for it, as the name of a folder."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:16]

    @property
    def folder(self) -> str:
        """The prefix of all keys."""
        return f"{self.prefix.strip('/')}/" if self.prefix.strip("/") else ""


@dataclass(frozen=True)
class Credentials:
    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class StoredObject:
    """One object as the bucket lists it."""

    size: int
    etag: str
    modified: datetime = field(default=datetime.min.replace(tzinfo=UTC), compare=False)  # by the bucket's own clock


Listing = Mapping[str, StoredObject]
"""Every object by its key, without the prefix."""


class BucketReader:
    """Lists and reads a bucket. Misconfigured says why that is impossible."""

    def __init__(self, place: BucketLocation, credentials: Credentials) -> None:
        """Sends no request yet."""
        self.place = place
        self._client = s3_client(place, credentials)

    def listing(self) -> Listing:
        """Everything below the prefix."""
        found: dict[str, StoredObject] = {}
        folder = self.place.folder
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.place.bucket, Prefix=folder):
                for thing in page.get("Contents", ()):
                    found[thing["Key"].removeprefix(folder)] = StoredObject(
                        thing["Size"], thing["ETag"], thing["LastModified"]
                    )
        except (BotoCoreError, ClientError, ValueError) as error:
            raise Misconfigured(explain(self.place, "be listed", error)) from error
        return found

    def read(self, key: str) -> bytes:
        """One object, whole; for small ones."""
        try:
            return self._open(key).read()
        except (BotoCoreError, ClientError, OSError) as error:
            raise Misconfigured(explain(self.place, f"give {key}", error)) from error

    def copy(self, keys: Collection[str], to: Bucket) -> int:
        """Stream objects into our bucket, under their keys without the prefix; return the bytes."""
        client, one_by_one = to.client(), TransferConfig(use_threads=False)

        def copy(key: str) -> int:
            try:
                body = self._open(key)
            except (BotoCoreError, ClientError) as error:
                raise Misconfigured(explain(self.place, f"give {key}", error)) from error
            counted = _Counted(body)
            try:
                client.upload_fileobj(cast("IO[bytes]", counted), to.bucket, key, Config=one_by_one)
            except (Boto3Error, BotoCoreError, ClientError, OSError) as error:
                raise HarnessError(f"{key} cannot be copied: {error}") from error
            return counted.bytes

        left = sorted(keys)
        return sum(sum(for_each(left[at : at + AT_ONCE], copy)) for at in range(0, len(left), AT_ONCE))

    def _open(self, key: str) -> IO[bytes]:
        found = self._client.get_object(Bucket=self.place.bucket, Key=self.place.folder + key)
        return cast("IO[bytes]", found["Body"])


class _Counted:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(None if size < 0 else size)  # type: ignore[arg-type] # botocore's body takes None
        self.bytes += len(chunk)
        return chunk


def s3_client(place: BucketLocation, credentials: Credentials) -> S3Client:
    """A client for a bucket. It sends no request yet."""
    return boto3.client(
        "s3",
        endpoint_url=place.endpoint or None,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token or None,
        region_name=place.region,
        config=Config(
            s3={"addressing_style": "path" if place.endpoint else "auto"},
            retries={"max_attempts": 3},
            max_pool_connections=AT_ONCE,
        ),
    )


def read_credentials(file: Path | None, env: Mapping[str, str]) -> Credentials:
    """Credentials from a file in AWS' format, else from the environment. Misconfigured names what is missing."""
    if file is None:
        found = {name: env.get(variable, "") for name, variable in zip(_FILE, _ENV, strict=True)}
        where = f"set {_ENV[0]} and {_ENV[1]}, or name a file with --credentials"
    else:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error) as error:
            first = str(error).partition("\n")[0]
            raise Misconfigured(f"--credentials {file} cannot be read: {first}") from error
        section = dict(parser.items("default")) if parser.has_section("default") else {}
        found = {name: section.get(name, "").strip() for name in _FILE}
        where = f"{file} needs a section [default] with {_FILE[0]} and {_FILE[1]}"
    if not found[_FILE[0]] or not found[_FILE[1]]:
        raise Misconfigured(f"no credentials for the bucket: {where}")
    return Credentials(*(found[name] for name in _FILE))


def fingerprint(listing: Listing) -> str:
    """One hash over every key with its size and its ETag."""
    lines = [[key, thing.size, thing.etag] for key, thing in sorted(listing.items())]
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def differences(before: Listing, after: Listing) -> dict[str, str]:
    """Every key that differs between two listings, in order, with a sentence."""
    return {
        key: f"{key} {'was added' if key not in before else 'is gone' if key not in after else 'was changed'}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    }


def explain(
    place: BucketLocation, what: str, error: Exception, rights: str = "s3:ListBucket and s3:GetObject are enough"
) -> str:
    """One line: what failed, and what to do about it; `rights` says which suffice."""
    code = str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
    if code in _CREDENTIALS:
        said = f"the credentials are wrong ({code})"
    elif code in {"AccessDenied", "403"}:
        said = f"the credentials do not allow it; {rights}"
    elif code == "NoSuchBucket":
        said = "the bucket does not exist"
    else:
        said = " ".join(str(error).split())
    return f"the bucket {place.name} cannot {what}: {said}"
