"""The options of a proof, checked before the bucket is read."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

from harness.backups.bucket_reader import BucketLocation, Credentials, read_credentials
from harness.backups.velero_backup import NEWEST
from harness.checks import proof_metrics
from harness.clusters.images import versions
from harness.core.choices import choose
from harness.core.errors import Misconfigured
from harness.core.model import PROOF_STEPS, Objectives
from harness.workflows.run_options import NewClusterOptions, NewClusterWords, parse_hooks

_BUCKET = re.compile(r"(?:s3://)?(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,62})(?:/(?P<prefix>.*))?")


def options(
    backup: str,
    *,
    bucket: str,
    schedule: str = "",
    velero: str | None = None,
    endpoint: str = "",
    region: str = "us-east-1",
    credentials: Path | None = None,
    namespaces: Sequence[str] = (),
    databases: Sequence[str] = (),
    not_proved: Sequence[str] = (),
    without_fingerprint: bool = False,
    rto_s: float | None = None,
    rpo_s: float | None = None,
    age_s: float | None = None,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    repository_password_file: Path | None = None,
    **new: Unpack[NewClusterWords],
) -> ProofOptions:
    """The options of a proof. Misconfigured for the first invalid option."""
    if schedule and backup != NEWEST:
        raise Misconfigured(
            f"--schedule {schedule} means its newest backup, but {backup} is named too; give one of the two"
        )
    where = place("--bucket", bucket, endpoint, region)
    for name, limit in (("--rto", rto_s), ("--rpo", rpo_s), ("--age", age_s)):
        if limit is not None and not limit > 0:
            raise Misconfigured(f"{name} must be more than 0 seconds, not {limit:g}")
    return ProofOptions(
        place=where,
        credentials=read_credentials(credentials, os.environ),
        backup=backup,
        schedule=schedule,
        lane=choose("Velero lane", velero, versions.load().lanes) if velero else "",
        namespaces=tuple(namespaces),
        databases=tuple(databases),
        not_proved=tuple(not_proved),
        asked=proof_metrics.SOUND if without_fingerprint else proof_metrics.EQUAL,
        objectives=Objectives(rto_s=rto_s, rpo_s=rpo_s),
        age_s=age_s,
        hooks=parse_hooks(before, after, PROOF_STEPS),
        repository_password=_password(repository_password_file),
        **new,
    )


def place(option: str, bucket: str, endpoint: str, region: str) -> BucketLocation:
    """The bucket that an option names. Misconfigured if it is invalid."""
    parts = _BUCKET.fullmatch(bucket)
    if not parts:
        raise Misconfigured(f"{option} must be NAME or NAME/PREFIX of a bucket, not {bucket!r}")
    if endpoint and not re.fullmatch(r"https?://[^\s/]+/?", endpoint):
        raise Misconfigured(f"--endpoint must be a URL, http(s)://HOST or http(s)://HOST:PORT, not {endpoint!r}")
    return BucketLocation(parts["bucket"], (parts["prefix"] or "").strip("/"), endpoint.rstrip("/"), region)


def _password(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        found = file.read_text(encoding="utf-8").strip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"--repository-password {file} cannot be read: {error}") from error
    if not found:
        raise Misconfigured(f"--repository-password {file} is empty")
    return found


@dataclass(frozen=True, kw_only=True)
class ProofOptions(NewClusterOptions):
    place: BucketLocation
    credentials: Credentials
    backup: str  # its name, or `newest`
    schedule: str  # whose newest backup is proved; "" for all backups
    databases: tuple[str, ...]  # named by the user, in addition to the detected ones
    namespaces: tuple[str, ...] = ()  # of the backup that are proved; () for all
    not_proved: tuple[str, ...] = ()  # NAMESPACE/POD of what looks like a database and need not be judged
    lane: str = ""  # of the Velero that restores it; "" for the one that made it
    asked: str  # see `harness.checks.proof_metrics`
    objectives: Objectives
    age_s: float | None  # how old the backup may be
    cluster: str = "drillproof-prove"
    repository_password: str = field(default="", repr=False)  # "" for Velero's own
