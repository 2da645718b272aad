"""A password is changed where it should be, and the backup does not know of it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.kubernetes import Object, objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target

_KEPT = "drillproof.dev/before"
"""Where the Secret itself keeps the hash of what its value was: it is a random one, and cannot be guessed from it."""


@dataclass(frozen=True)
class RotateSecret:
    """One password of a store is replaced by a new one, in the store and in its Secret, by who may do so.

    It is one that the drill itself does not use: its own clients are not what this is about.
    """

    store: str
    key: str  # in the Secret
    statement: str  # sets it in the store; {value} is the new one
    login: tuple[str, ...]  # a command in `pod` that logs in with the value that the running pod was given
    pod: str
    reach: ClassVar[Reach] = Reach.NAMESPACE

    @property
    def name(self) -> str:
        """Which."""
        return f"rotate-{self.key} of {self.store}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The store itself."""
        return (self.store,)

    def inject(self, target: Target) -> None:
        """Replace it. FaultHadNoEffect if the old one was of no use."""
        store, administrator = target.administered(self.store)
        try:
            self._log_in(target)
        except ToolFailed as error:
            raise FaultHadNoEffect(f"nobody could log in with the old {self.key}: {error.tail}") from error
        value = secrets.token_hex(16)
        kept = {"annotations": {_KEPT: _hash(text(self._secret(target), "data", self.key))}}
        patch = {"metadata": kept, "data": {self.key: base64.b64encode(value.encode()).decode()}}
        administrator.execute(store.members[0], self.statement.format(value=value))
        command = ("patch", "secret", self._name, "-n", target.namespace, "--type=merge", "--patch-file=/dev/stdin")
        target.cluster.kubectl(*command, stdin=json.dumps(patch))

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """The Secret holds another value, and the store refuses the old one."""
        secret = self._secret(target)
        kept = text(secret, "metadata", "annotations", _KEPT)
        if not kept or _hash(text(secret, "data", self.key)) == kept:
            raise FaultHadNoEffect(f"{self.key} of {self._name} is what it was")
        try:
            self._log_in(target)
        except ToolFailed as error:
            return {f"{self.key} of {self._name}": "is another", f"old {self.key}": error.tail}
        raise FaultHadNoEffect(f"{self.store} still takes the old {self.key}")

    def undo(self, target: Target) -> None:
        """Nothing to take away: the new password is as good as the old one was."""

    @property
    def _name(self) -> str:
        return f"{self.store}-credentials"

    def _log_in(self, target: Target) -> None:
        target.cluster.kubectl("exec", "-n", target.namespace, self.pod, "-c", self.store, "--", *self.login)

    def _secret(self, target: Target) -> Object:
        found = objects(target.cluster.kubectl, "secrets", f"--namespace={target.namespace}")
        return next((secret for secret in found if text(secret, "metadata", "name") == self._name), {})


STANDBYS_PASSWORD = RotateSecret(
    "postgres",
    "replication-password",
    "ALTER ROLE replication PASSWORD '{value}'",
    login=(
        "bash",
        "-c",
        '. /scripts/cluster.sh; PGPASSWORD=$REPLICATION_PASSWORD psql -X -h "$PRIMARY_HOST" -U replication -d postgres',
    ),
    pod="postgres-read-0",
)
"""The password by which PostgreSQL's standbys stream and are made anew."""


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
