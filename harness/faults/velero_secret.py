"""A Secret that Velero works with is no longer what it was."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import at, objects, text
from harness.core.model import Json, Volume
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.velero import NAMESPACE, kill


@dataclass(frozen=True)
class ChangeSecret:
    """One value in a Secret of Velero's becomes another. What it was stays beside it, in the Secret itself."""

    what: str  # in the fault's name
    secret: str
    key: str
    to: str
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.TOOL

    @property
    def name(self) -> str:
        """What, and in which Secret."""
        return f"{self.what} in {self.secret}"

    def inject(self, target: Target) -> None:
        """Keep what was there, and change it."""
        self.undo(target)  # a killed harness may have left it; the changed value must not become the kept one
        was = text(self._data(target), self.key)
        if not was:
            raise FaultHadNoEffect(f"the Secret {self.secret} has no {self.key}")
        self._patch(target, {self._kept: was, self.key: base64.b64encode(self.to.encode()).decode()})

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """The Secret holds another value than the one that was kept. No value is told."""
        data = self._data(target)
        was, now = text(data, self._kept), text(data, self.key)
        if not was or not now or was == now:
            raise FaultHadNoEffect(f"{self.key} in the Secret {self.secret} is what it was")
        return {f"{self.key} in {self.secret}": "is another than it was"}

    def undo(self, target: Target) -> None:
        """Put it back."""
        if was := self.kept(target):
            self._patch(target, {self.key: was, self._kept: None})

    def kept(self, target: Target) -> str:
        """What it was, in base64; "" if it was not changed."""
        return text(self._data(target), self._kept)

    @property
    def _kept(self) -> str:
        return f"{self.key}.drillproof-before"

    def _data(self, target: Target) -> Json:
        by_name = f"--field-selector=metadata.name={self.secret}"
        found = objects(target.cluster.kubectl, "secrets", f"--namespace={NAMESPACE}", by_name)
        return at(next(iter(found), None), "data")

    def _patch(self, target: Target, data: Mapping[str, str | None]) -> None:
        # By standard input: in an argument they would stand in lists of processes.
        patch = json.dumps({"data": dict(data)})
        target.cluster.kubectl(
            "patch", "secret", self.secret, "-n", NAMESPACE, "--type=merge", "--patch-file=/dev/stdin", stdin=patch
        )


@dataclass(frozen=True)
class RefuseCredentials:
    """The keys with which Velero comes to the object store are none that the store knows (any more)."""

    name: str = "refuse-credentials"
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.TOOL

    def inject(self, target: Target) -> None:
        """Give Velero keys that were never valid; to a client that is the same as keys that no longer are."""
        _KEYS.inject(target)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """Velero itself was refused: its pods see another Secret, and look at the bucket, within a minute each."""

        def refused() -> Mapping[str, str]:
            found = objects(target.cluster.kubectl, "backupstoragelocations.velero.io", f"--namespace={NAMESPACE}")
            if not found or any(text(location, "status", "phase") != "Unavailable" for location in found):
                raise NotYet("a location is available" if found else "there is no location")
            return {f"location {text(each, 'metadata', 'name')}": text(each, "status", "message") for each in found}

        seen = until(refused, waited_for="Velero to be refused", within_s=timeouts.DAMAGE_S, every_s=1)
        return {**_KEYS.damage(target, before), **seen}

    def undo(self, target: Target) -> None:
        """Put the valid keys back, and let all of Velero start with them: it would take minutes to see them."""
        if _KEYS.kept(target):
            _KEYS.undo(target)
            for part in ("velero", "node-agent"):
                kill(target, part)


_KEYS = ChangeSecret(
    "other-keys",
    "cloud-credentials",
    "cloud",
    "[default]\naws_access_key_id=expired\naws_secret_access_key=expired-expired\n",
)
