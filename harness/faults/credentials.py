"""Passwords and keys change, in the application or for Velero, and the backup does not know of it."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from harness.backups.velero_install import NAMESPACE
from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.json import at, text
from harness.core.kubernetes import Object, find, name_of
from harness.core.model import Json
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.base import BaseFault
from harness.faults.velero import kill, records

_OLD_HASH = "drillproof.dev/before"
"""Saves the hash of the old value on the Secret itself. The value is random, so the hash does not reveal it."""


@dataclass(frozen=True)
class RotateSecret(BaseFault):
    """An administrator replaces one password of a store, in the store and in its Secret.

    It is a password that drillproof's own clients do not use.
    """

    store: str
    key: str  # in the Secret
    statement: str  # sets it in the store; {value} is the new one
    login: tuple[str, ...]  # a command in `pod` that logs in with the value that the running pod was given
    pod: str
    title = "rotate-{key} of {store}"
    reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        """Replace it. FaultHadNoEffect if the old one did not work."""
        store, administrator = target.administered(self.store)
        try:
            self._log_in(target)
        except ToolFailed as error:
            raise FaultHadNoEffect(f"a login with the old {self.key} failed already: {error.tail}") from error
        value = secrets.token_hex(16)
        saved = {"annotations": {_OLD_HASH: _hash(text(self._secret(target), "data", self.key))}}
        patch = {"metadata": saved, "data": {self.key: base64.b64encode(value.encode()).decode()}}
        administrator.execute(store.members[0], self.statement.format(value=value))
        _patch(target, self._name, target.namespace, patch)

    def damage(self, target: Target) -> Mapping[str, str]:
        """The Secret holds another value, and the store refuses the old one."""
        secret = self._secret(target)
        old = text(secret, "metadata", "annotations", _OLD_HASH)
        if not old or _hash(text(secret, "data", self.key)) == old:
            raise FaultHadNoEffect(f"{self.key} of {self._name} did not change")
        try:
            self._log_in(target)
        except ToolFailed as error:
            return {f"{self.key} of {self._name}": "is another", f"old {self.key}": error.tail}
        raise FaultHadNoEffect(f"{self.store} still accepts the old {self.key}")

    @property
    def _name(self) -> str:
        return f"{self.store}-credentials"

    def _log_in(self, target: Target) -> None:
        target.cluster.kubectl("exec", "-n", target.namespace, self.pod, "-c", self.store, "--", *self.login)

    def _secret(self, target: Target) -> Object:
        return find(target.cluster.kubectl, "secrets", self._name, target.namespace)


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
"""The password with which PostgreSQL's standbys stream and take base backups."""


@dataclass(frozen=True)
class ChangeSecret(BaseFault):
    """One value in a Secret of Velero's changes. The Secret itself saves the old one under another key."""

    what: str  # for the fault's name
    secret: str
    key: str
    to: str
    needs: tuple[str, ...] = ()
    title = "{what} in {secret}"
    reach = Reach.TOOL

    def inject(self, target: Target) -> None:
        self.undo(target)  # left by a killed harness: the changed value must not replace the saved one
        was = text(self._data(target), self.key)
        if not was:
            raise FaultHadNoEffect(f"the Secret {self.secret} has no {self.key}")
        changed = base64.b64encode(self.to.encode()).decode()
        _patch(target, self.secret, NAMESPACE, {"data": {self._saved: was, self.key: changed}})

    def damage(self, target: Target) -> Mapping[str, str]:
        """The Secret's value differs from the saved one. No value is reported."""
        data = self._data(target)
        was, now = text(data, self._saved), text(data, self.key)
        if not was or not now or was == now:
            raise FaultHadNoEffect(f"{self.key} in the Secret {self.secret} did not change")
        return {f"{self.key} in {self.secret}": "is another than it was"}

    def undo(self, target: Target) -> None:
        if was := self.saved(target):
            _patch(target, self.secret, NAMESPACE, {"data": {self.key: was, self._saved: None}})

    def saved(self, target: Target) -> str:
        """The old value, in base64; "" if it is not changed."""
        return text(self._data(target), self._saved)

    @property
    def _saved(self) -> str:
        return f"{self.key}.drillproof-before"

    def _data(self, target: Target) -> Json:
        return at(find(target.cluster.kubectl, "secrets", self.secret, NAMESPACE), "data")


@dataclass(frozen=True)
class RefuseCredentials(BaseFault):
    """The object store refuses Velero's keys."""

    title = "refuse-credentials"
    reach = Reach.TOOL

    def inject(self, target: Target) -> None:
        """Give Velero keys that were never valid; for a client that is the same as expired keys."""
        _KEYS.inject(target)

    def damage(self, target: Target) -> Mapping[str, str]:
        """Velero itself was refused: its pods see the new Secret, and check the bucket, within a minute each."""

        def refused() -> Mapping[str, str]:
            found = records(target, "backupstoragelocations")
            if not found or any(text(location, "status", "phase") != "Unavailable" for location in found):
                raise NotYet("a location is available" if found else "no BackupStorageLocation exists")
            return {f"location {name_of(each)}": text(each, "status", "message") for each in found}

        seen = until(refused, waited_for="Velero to be refused", within_s=timeouts.DAMAGE_S, every_s=1)
        return {**_KEYS.damage(target), **seen}

    def undo(self, target: Target) -> None:
        """Put the valid keys back, and restart all of Velero: otherwise it would see them minutes later."""
        if _KEYS.saved(target):
            _KEYS.undo(target)
            for part in ("velero", "node-agent"):
                kill(target, part)


_KEYS = ChangeSecret(
    "other-keys",
    "cloud-credentials",
    "cloud",
    "[default]\naws_access_key_id=expired\naws_secret_access_key=expired-expired\n",
)


def _patch(target: Target, secret: str, namespace: str, patch: Mapping[str, object]) -> None:
    # By standard input: arguments are visible in process lists.
    command = ("patch", "secret", secret, "-n", namespace, "--type=merge", "--patch-file=/dev/stdin")
    target.cluster.kubectl(*command, stdin=json.dumps(patch))


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
