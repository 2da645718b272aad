"""What happens to a restic repository beside the loss of objects."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import ClassVar

from harness.backups import velero_check
from harness.backups.velero_install import NAMESPACE
from harness.core import parallel, timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until

_OURS = {"drillproof": "stale"}
"""What marks a lock as left behind by us, on the object itself."""


@dataclass(frozen=True)
class LeaveLock:
    """A program that had the repository to itself was killed, and its lock lies there still.

    It was taken on another machine than Velero's server, which unlocks every few minutes what restic calls stale: a
    lock of its own host whose process is gone, and any other one only after half an hour.
    """

    name: str = "leave-lock in the repository"
    needs: tuple[str, ...] = ("locks",)
    reach: ClassVar[Reach] = Reach.BUCKET

    def inject(self, target: Target) -> None:
        """Let a check lock the repository, catch its lock, and put it back when the check has ended."""
        client, bucket = target.bucket.client(), target.bucket.bucket
        repository, what = _repository(target), "a lock in the repository"

        def attempt() -> dict[str, bytes]:
            caught, ended = dict[str, bytes](), Event()

            def check() -> None:
                try:
                    arguments = (repository, "check", "--read-data")
                    velero_check.restic(target.cluster.kubectl, *arguments, of="daemonset/node-agent")
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
            parallel.beside(check, [watch])
            if not caught:  # on a busy machine a small check is over before anybody has looked
                raise NotYet("a check ended before its lock was seen")
            return caught

        for key, lock in until(attempt, waited_for=what, within_s=timeouts.DAMAGE_S).items():
            client.put_object(Bucket=bucket, Key=key, Body=lock, Metadata=_OURS)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """The lock is there, and whoever held it is not. FaultHadNoEffect if it is gone."""
        left = self._left(target)
        if not left:
            raise FaultHadNoEffect("no lock is left in the repository")
        return dict.fromkeys(left, "lies there, and nobody holds it")

    def undo(self, target: Target) -> None:
        """Take our lock away, and no other."""
        for key in self._left(target):
            target.bucket.client().delete_object(Bucket=target.bucket.bucket, Key=key)

    def _left(self, target: Target) -> list[str]:
        client, bucket = target.bucket.client(), target.bucket.bucket
        return [key for key in _locks(target) if client.head_object(Bucket=bucket, Key=key)["Metadata"] == _OURS]


def _locks(target: Target) -> list[str]:
    found = target.bucket.client().list_objects_v2(Bucket=target.bucket.bucket, Prefix=target.layout["locks"])
    return [thing["Key"] for thing in found.get("Contents", ())]


def _repository(target: Target) -> str:
    """Its URL, as Velero calls it."""
    kept = objects(target.cluster.kubectl, "backuprepositories.velero.io", f"--namespace={NAMESPACE}")
    urls = [text(each, "spec", "resticIdentifier") for each in kept]
    for url in urls:
        if url.endswith(f"/{target.bucket.bucket}/restic/{target.namespace}"):
            return url
    raise FaultHadNoEffect(f"Velero has no repository of {target.namespace} in this bucket, but: {', '.join(urls)}")
