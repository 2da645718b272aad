"""The namespaces of a proof on a cluster of others, with the object store in one of them."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import socket
from dataclasses import replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from harness.backups.object_store import ObjectStore
from harness.clusters import diagnostics, rbac
from harness.clusters.lock import Lock
from harness.clusters.shared_cluster import NoMachines
from harness.core import timeouts
from harness.core.errors import HarnessError, Misconfigured, ToolFailed
from harness.core.json import text
from harness.core.kubernetes import LABEL, Kubectl, Object, condition, name_of, objects, standing
from harness.core.model import Json, Volume
from harness.core.wait import NotYet, until
from harness.workflows.proof.shared_cluster import objects as wanted
from harness.workflows.proof.shared_cluster import rbac as grants
from harness.workflows.proof.shared_cluster.config import Permit
from harness.workflows.proof.shared_cluster.namespace_mapping import Within

STARTED_S = 300.0
"""A pod with a small image and a new volume starts within this, also where it has to be pulled."""


class ProofCluster:
    """Implements `harness.core.ports.Cluster`. What is made is known by its label: nothing else is ever removed."""

    def __init__(self, permit: Permit, kubectl: Kubectl, home: Path) -> None:
        """`kubectl` knows no other cluster; its kubeconfig lies in `home`, which is removed with what was made."""
        self.name = permit.context
        self.permit = permit
        self.real = kubectl
        self.kubectl = Within(kubectl, {permit.namespace: permit.namespace})
        self.run = f"proof-{secrets.token_hex(4)}"
        self.keys = wanted.object_store(permit)
        self._home = home
        self._lock = Lock(home.with_suffix(".lock"))
        self._made = False
        self._forward = contextlib.ExitStack()
        self._store: ObjectStore | None = None

    @property
    def kubeconfig(self) -> Path:
        """What leads to it, and to no other one."""
        return self.real.kubeconfig

    @property
    def store(self) -> ObjectStore:
        """The proof's own, as it is reached from here, by a forward that is opened anew if it broke."""
        if not self._made:
            raise HarnessError(f"there is no object store in {self.permit.namespace} of {self.name} yet")
        if self._store is None or not _answers(self._store):
            self._forward.close()
            forward = self.real.forward(self.permit.namespace, wanted.STORE, wanted.PORT)
            host, port = self._forward.enter_context(forward)
            self._store = replace(self.keys, outside=f"http://{host}:{port}")
        return self._store

    @property
    def machines(self) -> NoMachines:
        """None of them is ours."""
        return NoMachines()

    @property
    def beside(self) -> ProofCluster:
        """There is no other one."""
        raise Misconfigured("drillproof makes no cluster beside one of others")

    def take(self) -> None:
        """Keep other proofs of this machine away. Misconfigured if one is there."""
        self._lock.acquire(f"the namespace {self.permit.namespace} of the context {self.name}")

    def is_free(self) -> None:
        """Misconfigured where a namespace of that name is there, whoever made it."""
        there = {name: text(thing, "metadata", "labels", LABEL) for name, thing in self._namespaces().items()}
        if strange := [name for name, label in there.items() if not label]:
            raise Misconfigured(
                f"namespaces that drillproof did not make are there: {', '.join(strange)}; "
                "let proofs make others: `namespace` in the configuration, and in the rights"
            )
        if there:
            raise Misconfigured(
                f"another proof is there, or one that was killed: {', '.join(there)}; wait for it, or remove what it "
                f"left with `drillproof gc --context {self.name}`"
            )

    def claim(self, restored: tuple[str, ...], user: str) -> None:
        """Make the namespaces, each closed before anything is in it, and be let into them; so is Velero.

        `user` is who we are there, "" if we are everywhere anyhow. ToolFailed if somebody else was faster.
        """
        permit = self.permit
        self.kubectl = Within(self.real, {permit.namespace: permit.namespace, **permit.places(restored)})
        self._made = True
        for thing in wanted.namespaces(permit, restored, self.run):
            self.create(thing)
        for name in self.kubectl.names.values():
            rbac.Inside(name, grants.INSIDE, grants.inside(name)).enter(self.real, self.run, user)
            self.create(wanted.velero_binding(permit, name, self.run))
            if name != permit.namespace:
                self.create(wanted.barrier(name, self.run))

    def open(self, image: str, size: int) -> None:
        """Make the object store, for a backup of `size` bytes, and in each namespace a pod from which is tried.

        TimedOut, with what the pods say.
        """
        permit, names = self.permit, tuple(self.kubectl.names.values())
        self.create(*wanted.store(permit, self.keys, image, size, self.run))
        self.create(*(wanted.probe(permit, name, image, self.run) for name in names))
        for name in names:
            until(lambda name=name: self._pods_run(name), waited_for=f"pods in {name}", within_s=STARTED_S)  # type: ignore[misc] # a default that binds
        until(self._bucket_is_there, waited_for="the proof's object store", within_s=60)

    def create(self, *things: Object) -> None:
        """Make objects that are not there yet. ToolFailed."""
        together: Json = {"apiVersion": "v1", "kind": "List", "items": list(things)}
        self.real("create", "-f", "-", stdin=json.dumps(together))

    def address(self) -> str:
        """The IP address of the store's pod."""
        (pod,) = self._pods(self.permit.namespace, wanted.STORE)
        return text(pod, "status", "podIP")

    def up(self) -> None:
        """Nothing is made: it was claimed, and is there."""
        self.real("get", "--raw", "/readyz")

    def down(self, *, keep_store: bool = False) -> None:  # noqa: ARG002 # it goes with its namespace
        """Remove what this proof made there, and nothing else. May be called twice."""
        self._forward.close()
        if self._made:
            self._remove(self.run)
            self._made = False
        shutil.rmtree(self._home, ignore_errors=True)
        self._lock.release()

    def release(self) -> None:
        """Leave the namespaces where they are; `gc` finds them."""
        self._forward.close()
        self._lock.release()

    def is_whole(self) -> bool:
        """Never enough for the next proof: each one makes its own namespaces."""
        return False

    def left(self) -> tuple[str, ...]:
        """Remove what dead proofs left there, whichever; return what it was, in words. Misconfigured if one lives."""
        self.take()
        try:
            return self._remove(None)
        finally:
            self.down()

    def forward(self, namespace: str, pod: str, port: int) -> contextlib.AbstractContextManager[tuple[str, int]]:
        """A local address that reaches `port` of `pod` for as long as the block lasts."""
        return self.real.forward(self.kubectl.of(namespace), pod, port)

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        """Every persistent volume claim of a backup's namespace with what it is bound to there."""
        return self.real.volumes(self.kubectl.of(namespace))

    def escapes(self) -> None:
        """Nothing is counted: no fence of ours is around a cluster of others."""

    def collect(self, into: Path) -> None:
        """Write logs, events and objects of the namespaces below `into`; never raises for what cannot be had."""
        for name in self.kubectl.names.values():
            diagnostics.collect_namespace(self.real, name, into / name)

    def _remove(self, run: str | None) -> tuple[str, ...]:
        """Remove the namespaces of this proof, or of all if None; return what they were, in words."""
        found = {name: text(thing, "metadata", "labels", LABEL) for name, thing in self._namespaces().items()}
        mine = {name: label for name, label in found.items() if label and run in {None, label}}
        if self.permit.namespace in mine:
            self._let_go_of_restores()
        if mine:
            self.real("delete", "namespace", *mine, within_s=timeouts.DAMAGE_S)
        return tuple(f"namespace {name} of {label}" for name, label in mine.items())

    def _let_go_of_restores(self) -> None:
        """A restore waits for Velero before it goes, and that goes with the same namespace.

        First it is deleted and then let go: while it is not deleted, a Velero that lives holds it anew.
        """
        here, kind = f"--namespace={self.permit.namespace}", "restores.velero.io"
        with contextlib.suppress(ToolFailed):  # it never came to be let in, so there is none
            for each in objects(self.real, kind, here):
                name = name_of(each)
                self.real("delete", kind, name, here, "--ignore-not-found", "--wait=false")
                with contextlib.suppress(ToolFailed):  # Velero was faster
                    self.real("patch", kind, name, here, "--type=merge", '--patch={"metadata": {"finalizers": null}}')

    def _namespaces(self) -> dict[str, Object]:
        """Those that a proof may make, as far as they are there, whoever made them."""
        found: dict[str, Object] = {}
        for name in self.permit.all:
            told = self.real("get", "namespace", name, "--ignore-not-found", "-o", "json")
            if told.strip():
                found[name] = json.loads(told)
        return found

    def _pods(self, namespace: str, name: str = "") -> tuple[Object, ...]:
        only = (f"--field-selector=metadata.name={name}",) if name else ()
        return objects(self.real, "pods", f"--namespace={namespace}", *only)

    def _pods_run(self, namespace: str) -> None:
        if waiting := [standing(pod) for pod in self._pods(namespace) if condition(pod, "Ready") != "True"]:
            raise NotYet("; ".join(waiting))

    def _bucket_is_there(self) -> None:
        try:
            self.store.client().create_bucket(Bucket=self.keys.bucket)
        except (BotoCoreError, ClientError) as error:
            raise NotYet(str(error)) from error


def _answers(store: ObjectStore) -> bool:
    host, _, port = store.outside.removeprefix("http://").partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return True
    except OSError:
        return False
