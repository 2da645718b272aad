"""An existing cluster on which others work: only the namespaces that drillproof creates are used, and removed again."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Generic, Self, TypeVar

from harness.backups.object_store import ObjectStore
from harness.clusters import cluster_pin, diagnostics, rbac, shared_velero
from harness.clusters.lock import SHARED_LOCK, Lock
from harness.clusters.permissions_file import ContextPolicy, DrillPolicy
from harness.core import paths, timeouts
from harness.core.errors import Misconfigured, TimedOut, ToolFailed
from harness.core.json import text
from harness.core.kubernetes import LABEL, Kubectl, Object, find_kubectl, get_object
from harness.core.model import Json, Volume
from harness.core.objects import made, together
from harness.core.process import run

ANSWER_S = 30.0
"""An existing cluster answers within this."""

P = TypeVar("P", bound=ContextPolicy)


class NoMachines:
    """The machines below a shared cluster must not be touched. Implements `harness.core.ports.Machines`."""

    object_store = ""

    def nodes(self) -> tuple[str, ...]:
        return ()

    def on_node(self, node: str, *argv: str, stdin: str | None = None, within_s: float = 60) -> str:  # noqa: ARG002 # of the seam
        raise Misconfigured(f"the node {node} belongs to others; no command runs on it")

    def power_off(self, machine: str) -> None:
        raise Misconfigured(f"the machine {machine} belongs to others; it stays on")

    def power_on(self, machine: str) -> None:
        raise Misconfigured(f"the machine {machine} belongs to others; it is not switched on")

    def is_on(self, machine: str) -> bool:
        raise Misconfigured(f"the machine {machine} belongs to others; its state is not read")


class SharedCluster(Generic[P]):
    """What drills and proofs share; with `store` and `kubectl` it is an `EnvironmentCluster`.

    The label identifies what drillproof created; nothing else is ever removed.
    """

    purpose = "drill"  # for messages
    folder = "context"  # how the names of its folders in the state folder start
    manifest = "clusters/existing/rbac.yaml"  # that grants all permissions

    def __init__(self, policy: P, api: Kubectl, home: Path) -> None:
        """`api` knows no other cluster; its kubeconfig is in `home`, which is removed with everything created."""
        self.name = policy.context
        self.policy = policy
        self.api = api
        self._home = home
        self._lock = Lock(home.with_suffix(SHARED_LOCK))
        self._labels: set[str] = set()  # values of the label that are this run's

    @classmethod
    def enter(cls, policy: P, kubeconfig: Path | None) -> Self:
        """The cluster of a context, locked against other runs of this machine. `kubeconfig`: kubectl's own if None.

        Its part of the kubeconfig is copied. So neither drillproof nor a user's hook can reach another cluster by
        mistake, whatever becomes the current context meanwhile. Misconfigured if there is no such context, or if it
        leads to another cluster than at its first use.
        """
        context, program = policy.context, find_kubectl()
        from_file = () if kubeconfig is None else (f"--kubeconfig={kubeconfig}",)
        known = run([program, *from_file, "config", "get-contexts", "--output=name"]).stdout.split()
        if context not in known:
            where = kubeconfig or os.environ.get("KUBECONFIG") or "the default kubeconfig"
            raise Misconfigured(f"{where} has no context {context}; it has: {', '.join(known) or 'none'}")
        key = hashlib.sha256(repr((context, policy.namespace)).encode()).hexdigest()[:12]
        home = paths.state() / f"{cls.folder}-{key}"
        file = home / "kubeconfig"
        cluster = cls(policy, Kubectl(program, file, context, home / paths.PROCESSES), home)
        cluster.take()  # before the file is written: another run may be using it
        alone = ("config", "view", "--minify", "--flatten", "--raw", f"--context={context}")
        home.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as copy:
            copy.write(run([program, *from_file, *alone]).stdout)
        with cluster.removed_on_error():
            cluster.require_pinned()
        return cluster

    @property
    def kubeconfig(self) -> Path:
        return self.api.kubeconfig

    @property
    def machines(self) -> NoMachines:
        return NoMachines()

    @property
    def second(self) -> Self:
        raise Misconfigured(f"{self.name} is an existing cluster, and drillproof creates no second one")

    @contextlib.contextmanager
    def removed_on_error(self) -> Iterator[None]:
        """If the block fails, nothing that was created stays behind."""
        try:
            yield
        except BaseException:
            self.down()
            raise

    def take(self) -> None:
        """Lock the namespaces against other runs of this machine. Misconfigured if one uses them."""
        self._lock.acquire(f"the namespace {self.policy.namespace} of the context {self.name}")

    def require_pinned(self) -> None:
        """Pin the context to this cluster at its first use. Misconfigured if it is pinned to another one."""
        with self._let_in():
            found = cluster_pin.identify(self.api, self.name, self.manifest, ANSWER_S)
        cluster_pin.ClusterPin.of(self.policy, self._home.parent).require(found)

    def identify(self) -> tuple[str, str]:
        """The cluster's version of Kubernetes, and our user name there. Misconfigured if it does not let us in."""
        with self._let_in():
            version = json.loads(self.api("version", "-o", "json", within_s=ANSWER_S))
            return text(version, "serverVersion", "gitVersion"), rbac.whoami(self.api, ANSWER_S)

    @contextlib.contextmanager
    def _let_in(self) -> Iterator[None]:
        try:
            yield
        except (ToolFailed, TimedOut) as error:
            why = f"the cluster of the context {self.name} does not let drillproof in: {error}"
            raise Misconfigured(why) from error

    def require_free(self) -> None:
        """Misconfigured where one of the namespaces exists, or anything else of another run."""
        found = self._found()
        if strange := [name for name, label in found.items() if not label]:
            raise Misconfigured(
                f"namespaces exist that drillproof did not create: {', '.join(strange)}; "
                "set another `namespace` in the configuration, and in the permissions"
            )
        if left := [*(f"the namespace {name}" for name in found), *self._other_leftovers()]:
            raise Misconfigured(
                f"another {self.purpose} is running there, or was killed: {', '.join(left)}; wait for it, or remove "
                f"what it left with `drillproof gc --context {self.name}`"
            )

    def require_storage_class(self) -> Object:
        """The StorageClass that is allowed. Misconfigured if it does not exist."""
        found = get_object(self.api, "storageclass", self.policy.storage_class)
        if found is None:
            raise Misconfigured(f"there is no StorageClass {self.policy.storage_class} on the context {self.name}")
        return found

    def facts(self, kubernetes: str, velero: str, mirror: str) -> dict[str, Json]:
        return {
            "kubernetes": kubernetes,
            "cluster": f"the context {self.name}, not created by drillproof: no network isolation around it",
            "velero": velero,
            "images from": mirror or "their own registries, as the cluster pulls them",
        }

    def create(self, *things: Object) -> None:
        """Create objects that do not exist. ToolFailed if one does."""
        self.api("create", "-f", "-", stdin=json.dumps(things[0]) if len(things) == 1 else together(things))

    def up(self) -> None:
        """Creates nothing: the cluster exists. Misconfigured if another run of this machine is using it."""
        self.take()
        self.api("get", "--raw", "/readyz")

    def down(self, *, keep_store: bool = False) -> None:  # noqa: ARG002 # no store outlives its namespace, or is ours to remove
        """Remove what this run created, and nothing else. May be called twice."""
        if self._labels:
            self._remove(self._labels)
            self._labels.clear()
        shutil.rmtree(self._home, ignore_errors=True)
        self._lock.release()

    def release(self) -> None:
        """Leave everything where it is; `gc` finds it."""
        self._lock.release()

    def is_reusable(self) -> bool:
        return False

    def remove_leftovers(self) -> tuple[str, ...]:
        """Remove what killed runs left; return what it was, in words. Misconfigured if one is running."""
        self.take()
        try:
            return self._remove(None)
        finally:
            self.down()

    def forward(self, namespace: str, pod: str, port: int) -> contextlib.AbstractContextManager[tuple[str, int]]:
        return self.api.forward(self._called(namespace), pod, port)

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        return self.api.volumes(self._called(namespace))

    def packet_counts(self) -> None:
        """Nothing is counted: there is no network isolation around a shared cluster."""

    def collect(self, into: Path) -> None:
        diagnostics.collect_namespace(self.api, self.policy.namespace, into)

    def _called(self, namespace: str) -> str:
        return namespace

    def _other_leftovers(self) -> tuple[str, ...]:
        return ()

    def _before_removal(self, namespaces: Collection[str]) -> None:
        """Make sure that these namespaces can be removed."""

    def _found(self) -> dict[str, str]:
        """Those of the allowed namespaces that exist, each with its label; "" if drillproof did not create it."""
        found = {name: get_object(self.api, "namespace", name) for name in self.policy.all}
        return {name: text(thing, "metadata", "labels", LABEL) for name, thing in found.items() if thing is not None}

    def _remove(self, labels: Collection[str] | None) -> tuple[str, ...]:
        """Remove the namespaces with these labels, or with any if None; return what they were, in words."""
        mine = {name: label for name, label in self._found().items() if label and (labels is None or label in labels)}
        self._before_removal(mine)
        if mine:
            self.api("delete", "namespace", *mine, within_s=timeouts.DAMAGE_S)
        return tuple(f"namespace {name} of {label}" for name, label in mine.items())


class DrillCluster(SharedCluster[DrillPolicy]):
    """The namespace of a drill, with the existing Velero's backups of it."""

    def __init__(self, policy: DrillPolicy, api: Kubectl, home: Path) -> None:
        super().__init__(policy, api, home)
        self.kubectl = api

    @property
    def store(self) -> ObjectStore:
        return self.policy.store

    def claim(self, role: rbac.NamespaceRole, user: str = "") -> None:
        """Create the namespace, and bind the role in it to `user`, if one is named. ToolFailed if it exists by now."""
        label = f"claim-{secrets.token_hex(4)}"
        self._labels.add(label)
        self.create(self.namespace_object(label))
        role.bind(self.api, label, user)

    def open(self, run: str) -> None:
        """Label the claimed namespace with the run's name."""
        self._labels.add(run)
        self.api("label", "--overwrite", "namespace", self.policy.namespace, f"{LABEL}={run}")

    def namespace_object(self, run: str) -> Object:
        return made("drill-namespace", name=self.policy.namespace, run=run)

    def _other_leftovers(self) -> tuple[str, ...]:
        backups = shared_velero.list_backups(self.api, self.policy)
        return tuple(f"the backup {text(each, 'metadata', 'name')}" for each in backups)

    def _remove(self, labels: Collection[str] | None) -> tuple[str, ...]:
        removed = super()._remove(labels)
        backups = shared_velero.delete_backups(self.api, self.policy, labels)
        return (*removed, *(f"backup {name} with its restores" for name in backups))


def without_values(thing: Object) -> Object:
    """An object without the values of a Secret."""
    if text(thing, "kind") != "Secret":
        return thing
    held = ((key, values) for key in ("data", "stringData") if isinstance(values := thing.get(key), Mapping))
    return {**thing, **{key: dict.fromkeys(values, "...") for key, values in held}}
