"""A cluster that was there before, and is not ours: drilled inside one namespace, and left as it was."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from harness.backups.object_store import ObjectStore
from harness.clusters import diagnostics, rbac, shared_velero
from harness.clusters.lock import Lock
from harness.clusters.permissions_file import Allowed
from harness.core import timeouts
from harness.core.errors import Misconfigured
from harness.core.json import text
from harness.core.kubernetes import LABEL, Kubectl, Object
from harness.core.model import Json, Volume


class NoMachines:
    """What lies below a cluster of others is not ours to break. Implements `harness.core.ports.Machines`."""

    object_store = ""

    def nodes(self) -> tuple[str, ...]:
        """None that are ours."""
        return ()

    def on_node(self, node: str, *argv: str, stdin: str | None = None, within_s: float = 60) -> str:  # noqa: ARG002 # of the seam
        """Refused."""
        raise Misconfigured(f"{node} belongs to others; nothing is run on it")

    def power_off(self, machine: str) -> None:
        """Refused."""
        raise Misconfigured(f"{machine} belongs to others; it stays on")

    def power_on(self, machine: str) -> None:
        """Refused."""
        raise Misconfigured(f"{machine} belongs to others; it is not switched")

    def is_on(self, machine: str) -> bool:
        """Refused."""
        raise Misconfigured(f"{machine} belongs to others; it is not looked at")


@dataclass(frozen=True)
class Guest:
    """Who we are there, and whether the rights inside the namespace have to be bound to us first."""

    user: str
    binds: bool
    more: tuple[rbac.Right, ...] = ()  # inside the namespace, beside those of every drill


class ExistingCluster:
    """One namespace on it. Implements `harness.core.ports.Cluster`.

    What is made is known by its label: nothing else is ever removed.
    """

    def __init__(self, allowed: Allowed, kubectl: Kubectl, home: Path) -> None:
        """`kubectl` knows no other cluster; its kubeconfig lies in `home`, which is removed with what was made."""
        self.name = allowed.context
        self.kubectl = kubectl
        self.allowed = allowed
        self.guest = Guest("", binds=False)  # until it was asked
        self._home = home
        self._lock = Lock(home.with_suffix(".lock"))
        self._mine: set[str] = set()  # values of the label that are this drill's

    @property
    def kubeconfig(self) -> Path:
        """What leads to it, and to no other one."""
        return self.kubectl.kubeconfig

    @property
    def store(self) -> ObjectStore:
        """The bucket, as it is reached from here."""
        return self.allowed.store

    @property
    def machines(self) -> NoMachines:
        """None of them is ours."""
        return NoMachines()

    @property
    def beside(self) -> ExistingCluster:
        """There is no other one."""
        raise Misconfigured("drillproof makes no cluster beside one of others")

    def take(self) -> None:
        """Keep other drills of this machine away. Misconfigured if one is there."""
        self._lock.acquire(f"the namespace {self.allowed.namespace} of the context {self.name}")

    def claim(self) -> None:
        """Make the namespace, so that nobody else does, and be let into it. ToolFailed if somebody else was faster."""
        label = f"claim-{secrets.token_hex(4)}"
        self._mine.add(label)
        self.kubectl("create", "-f", "-", stdin=json.dumps(namespace_object(self.allowed, label)))
        inside(self.allowed, self.guest.more).enter(self.kubectl, label, self.guest.user if self.guest.binds else "")

    def open(self, run: str) -> None:
        """Write a run's name on the namespace that was claimed."""
        self._mine.add(run)
        self.kubectl("label", "--overwrite", "namespace", self.allowed.namespace, f"{LABEL}={run}")

    def namespace(self) -> Object | None:
        """The namespace as it is there now, whoever made it."""
        found = self.kubectl("get", "namespace", self.allowed.namespace, "--ignore-not-found", "-o", "json")
        return json.loads(found) if found.strip() else None

    def up(self) -> None:
        """Nothing is made: it is there. Misconfigured if another drill of this machine is using it."""
        self.take()
        self.kubectl("get", "--raw", "/readyz")

    def down(self, *, keep_store: bool = False) -> None:  # noqa: ARG002 # the bucket is never ours to remove
        """Remove what this drill made there, and nothing else. May be called twice."""
        if self._mine:
            self._remove(self._mine)
        shutil.rmtree(self._home, ignore_errors=True)
        self._lock.release()

    def release(self) -> None:
        """Leave the drill's namespace and its backups where they are; `gc` finds them."""
        self._lock.release()

    def is_whole(self) -> bool:
        """Never enough for the next drill: each one makes its own namespace."""
        return False

    def left(self) -> tuple[str, ...]:
        """Remove what dead drills left there, whichever; return what it was, in words. Misconfigured if one lives."""
        self.take()
        try:
            return self._remove(None)
        finally:
            self.down()

    def forward(self, namespace: str, pod: str, port: int) -> contextlib.AbstractContextManager[tuple[str, int]]:
        """A local address that reaches `port` of `pod` for as long as the block lasts."""
        return self.kubectl.forward(namespace, pod, port)

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        """Every persistent volume claim of `namespace` with what it is bound to."""
        return self.kubectl.volumes(namespace)

    def escapes(self) -> None:
        """Nothing is counted: there is no fence around a cluster of others."""

    def collect(self, into: Path) -> None:
        """Write logs, events and objects of the namespace below `into`; never raises for what cannot be had."""
        diagnostics.collect_namespace(self.kubectl, self.allowed.namespace, into)

    def _remove(self, mine: Collection[str] | None) -> tuple[str, ...]:
        """Remove the namespace and the backups of these drills, or of all if None; return what it was, in words."""
        removed = []
        run = text(self.namespace(), "metadata", "labels", LABEL)
        if run and (mine is None or run in mine):
            self.kubectl("delete", "namespace", self.allowed.namespace, within_s=timeouts.DAMAGE_S)
            removed.append(f"namespace {self.allowed.namespace} of {run}")
        backups = shared_velero.remove(self.kubectl, self.allowed, mine)
        return (*removed, *(f"backup {name} with its restores" for name in backups))


def namespace_object(allowed: Allowed, run: str) -> Json:
    """The namespace of a drill."""
    metadata: Json = {"name": allowed.namespace, "labels": {LABEL: run}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def inside(allowed: Allowed, more: tuple[rbac.Right, ...] = ()) -> rbac.Inside:
    """The way into it, and what is needed there; `more` beside what every drill needs."""
    return rbac.Inside(allowed.namespace, allowed.role, (*rbac.inside(allowed.namespace), *more))
