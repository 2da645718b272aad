"""A restic repository is left with a stale lock."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from threading import Event

from harness.backups import repository_check
from harness.core import parallel, timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.json import text
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.base import BaseFault
from harness.faults.velero import records

_OURS = {"drillproof": "stale"}
"""Metadata that marks an object as a lock left by this fault."""


@dataclass(frozen=True)
class LeaveLock(BaseFault):
    """A program with exclusive access to the repository was killed, and left its lock.

    The lock is of another host than Velero's server. That server removes stale locks every few minutes: restic calls
    those stale whose process on the same host is gone, and any other one only after half an hour.
    """

    title = "leave-lock in the repository"
    reach = Reach.BUCKET

    @property
    def needs(self) -> tuple[str, ...]:
        return ("locks",)

    def inject(self, target: Target) -> None:
        """Let a check lock the repository, copy its lock, and put the copy back when the check has ended."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        repository, what = _repository(target), "a lock in the repository"

        def attempt() -> dict[str, bytes]:
            caught, ended = dict[str, bytes](), Event()

            def check() -> None:
                try:
                    arguments = (repository, "check", "--read-data")
                    repository_check.restic(target.cluster.kubectl, *arguments, of="daemonset/node-agent")
                finally:
                    ended.set()

            def catch() -> None:
                over = ended.is_set()
                with contextlib.suppress(client.exceptions.NoSuchKey):  # it was gone before it was read
                    for key in _locks(target):
                        caught[key] = client.get_object(Bucket=bucket, Key=key)["Body"].read()
                if not caught and not over:
                    raise NotYet("no lock in the repository")

            watch = partial(until, catch, waited_for=what, within_s=timeouts.DAMAGE_S, every_s=0.02)
            parallel.alongside(check, [watch])
            if not caught:  # on a busy machine a small check can end before its lock is seen
                raise NotYet("a check ended before its lock was seen")
            return caught

        for key, lock in until(attempt, waited_for=what, within_s=timeouts.DAMAGE_S).items():
            client.put_object(Bucket=bucket, Key=key, Body=lock, Metadata=_OURS)

    def damage(self, target: Target) -> Mapping[str, str]:
        left = self._left(target)
        if not left:
            raise FaultHadNoEffect("no lock is left in the repository")
        return dict.fromkeys(left, "is a lock that no process holds")

    def undo(self, target: Target) -> None:
        for key in self._left(target):
            target.bucket.client().delete_object(Bucket=target.bucket.bucket, Key=key)

    def _left(self, target: Target) -> list[str]:
        client, bucket = target.bucket.client(), target.bucket.bucket
        return [key for key in _locks(target) if client.head_object(Bucket=bucket, Key=key)["Metadata"] == _OURS]


def _locks(target: Target) -> list[str]:
    found = target.bucket.client().list_objects_v2(Bucket=target.bucket.bucket, Prefix=target.layout["locks"])
    return [thing["Key"] for thing in found.get("Contents", ())]


def _repository(target: Target) -> str:
    """The URL of the namespace's repository, as Velero uses it."""
    urls = [text(each, "spec", "resticIdentifier") for each in records(target, "backuprepositories")]
    for url in urls:
        if url.endswith(f"/{target.bucket.bucket}/restic/{target.namespace}"):
            return url
    raise FaultHadNoEffect(
        f"Velero has no repository of {target.namespace} in this bucket; it has: {', '.join(urls) or 'none'}"
    )
