"""An S3 bucket: its endpoints, credentials and client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

BUCKET = "velero"


@dataclass(frozen=True)
class ObjectStore:
    """Where backups go."""

    inside: str  # its URL for pods
    outside: str  # its URL for us
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "minio"
    folder: str = ""  # how all keys in it begin that are Velero's

    def client(self) -> S3Client:
        """A client from outside the cluster."""
        return boto3.client(
            "s3",
            endpoint_url=self.outside,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, proxies={}),
        )
