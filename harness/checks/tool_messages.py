"""Messages of Velero, restic, Kubernetes and databases as reasons: the only module that matches their text.

A message may change with any release of its tool. Then its cause is no longer found, and a scenario that expects it
fails: fix the pattern here. What drillproof itself observes has a reason where it is observed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.core.model import Json
from harness.core.reason import Reason, by_precedence

MESSAGES: tuple[tuple[str, Reason], ...] = (
    # restic and kopia, also as Velero passes them on.
    (r"repository is already locked|unable to create lock in backend", Reason.RepositoryLocked),
    (r"(wrong|invalid repository) password", Reason.RepositoryPasswordRejected),
    (r"no key found|cannot be opened", Reason.RepositoryNotOpened),
    (r"no matching ID found", Reason.SnapshotMissing),
    # Velero.
    (r"error downloading backup", Reason.BackupNotDownloaded),
    (r"data path restore failed", Reason.DataPathFailed),
    (r"podvolumerestore with status .InProgress", Reason.VolumeRestoreInterrupted),
    # The object store.
    (r"AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken", Reason.CredentialsRejected),
    (r"password authentication failed|Access [Dd]enied", Reason.CredentialsRejected),
    (r"dial tcp .*(i/o timeout|no route to host|connection refused)|no such host", Reason.ObjectStoreUnreachable),
    # Kubernetes.
    (r"unbound immediate PersistentVolumeClaims", Reason.VolumeUnbound),
    (r"\d+/\d+ nodes are available", Reason.NodeUnavailable),
    (r"ImagePullBackOff|ErrImagePull", Reason.ImageNotPulled),
    (r"OOMKilled", Reason.OutOfMemory),
    (r"CrashLoopBackOff", Reason.CrashLooping),
    # Any of them.
    (r"no space left on device|No space left on device|Disk is full|disk full", Reason.DiskFull),
    (r"[Cc]onnection refused", Reason.ConnectionRefused),
    # Database servers.
    (r"with the same server_uuid", Reason.DuplicateServerIdentity),
    (r"failed to open snapshot.*CRC mismatch", Reason.SnapshotCorrupted),
    (r"invalid page in block|Database page corruption|page verification failed", Reason.PageCorrupted),
    (r"Corruption of an index tree", Reason.TreeCorrupted),
    (r"lacks matching index tuple", Reason.IndexIncomplete),
    (r"could not open file|Tablespace is missing|Can't open file|can't be opened", Reason.FileMissing),
)
"""(a regular expression, the meaning of a message that matches it)."""

_PATTERNS = tuple((re.compile(pattern, re.DOTALL), reason) for pattern, reason in MESSAGES)


def causes(*messages: Json) -> tuple[Reason, ...]:
    """The causes that messages of other tools name, by precedence. Only texts and lists of texts are searched."""
    text = "\n".join(line for message in messages for line in _lines(message))
    return by_precedence(reason for pattern, reason in _PATTERNS if pattern.search(text))


def _lines(message: Json) -> Iterable[str]:
    if isinstance(message, str):
        return (message,)
    return (line for line in message if isinstance(line, str)) if isinstance(message, list | tuple) else ()
