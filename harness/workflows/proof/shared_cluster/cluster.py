"""The namespaces of a proof on a shared cluster, one of them with an object store, and kubectl for these only."""

import contextlib
import math
import secrets
import socket
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from harness.backups.object_store import BUCKET, ObjectStore
from harness.clusters import diagnostics, rbac
from harness.clusters.permissions_file import ProofPolicy
from harness.clusters.shared_cluster import SharedCluster
from harness.core.errors import HarnessError, ToolFailed
from harness.core.json import text
from harness.core.kubernetes import Kubectl, Object, condition, describe_pod, name_of, objects
from harness.core.objects import made
from harness.core.wait import NotYet, until

STORE, PROBE = "store", "probe"
PORT = 9000
REGION = "minio"

STARTED_S = 300.0
"""A pod with a small image and a new volume starts within this, also if the image must be pulled."""

_OPTION = "--namespace="
_ROOM = 1.25
"""Of the store's volume for each byte of the backup; and 1 GiB: what Velero writes, and what MinIO keeps free."""


@dataclass(frozen=True)
class MappedKubectl:
    """Knows a backup's namespaces by their names on the shared cluster, and no other namespace.

    So a question about `shop`, as the backup calls it, is about what was restored, and never about production.
    Implements `harness.core.kubernetes.RunsKubectl`.
    """

    kubectl: Kubectl
    names: Mapping[str, str]  # the namespaces of the backup, and what they are called here; the proof's own

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        """Run kubectl. HarnessError, and nothing runs, without a namespace, or with another one."""
        end = args.index("--") if "--" in args else len(args)  # the rest is for a pod
        own = args[:end]
        beyond = any(arg in {"-n", "--namespace", "--all-namespaces", "-A"} for arg in own)
        if beyond or (not any(arg.startswith(_OPTION) for arg in own) and args[:2] != ("get", "--raw")):
            raise HarnessError(f"a proof may use one namespace of its own at a time, not: {' '.join(args)[:200]}")
        renamed = (_OPTION + self.of(arg.removeprefix(_OPTION)) if arg.startswith(_OPTION) else arg for arg in own)
        return self.kubectl(*renamed, *args[end:], stdin=stdin, within_s=within_s)

    def of(self, namespace: str) -> str:
        """What a namespace is called here. HarnessError if it does not belong to this proof."""
        if namespace not in self.names:
            raise HarnessError(f"the namespace {namespace} does not belong to this proof")
        return self.names[namespace]


class ProofCluster(SharedCluster[ProofPolicy]):
    purpose = folder = "proof"
    manifest = "clusters/prove/rbac.yaml"

    def __init__(self, policy: ProofPolicy, api: Kubectl, home: Path) -> None:
        super().__init__(policy, api, home)
        self.kubectl = MappedKubectl(api, {policy.namespace: policy.namespace})
        self.run = f"proof-{secrets.token_hex(4)}"
        inside = f"http://{STORE}.{policy.namespace}.svc:{PORT}"
        self.keys = ObjectStore(inside, "", BUCKET, secrets.token_hex(8), secrets.token_hex(20), REGION)
        self._forward = contextlib.ExitStack()
        self._store: ObjectStore | None = None

    @property
    def store(self) -> ObjectStore:
        """The proof's own, through a port-forward that is opened again if it broke."""
        if not self._labels:
            raise HarnessError(f"there is no object store in {self.policy.namespace} of {self.name} yet")
        if self._store is None or not _answers(self._store):
            self._forward.close()
            forward = self.api.forward(self.policy.namespace, STORE, PORT)
            host, port = self._forward.enter_context(forward)
            self._store = replace(self.keys, outside=f"http://{host}:{port}")
        return self._store

    def claim(self, restored: tuple[str, ...], user: str) -> None:
        """Create the namespaces, each isolated before anything is in it, and bind the roles in them.

        `user` is our name on the cluster, "" if no role must be bound. ToolFailed if a namespace exists by now.
        """
        own = self.policy.namespace
        self.kubectl = MappedKubectl(self.api, {own: own, **self.policy.places(restored)})
        self._labels.add(self.run)
        for thing in self.namespaces(restored):
            self.create(thing)
        for name in self.kubectl.names.values():
            rbac.proof_inside(name).bind(self.api, self.run, user)
            for thing in self.first(name):
                self.create(thing)

    def open(self, image: str, size: int) -> None:
        """Create the object store for a backup of `size` bytes, and a probe in each namespace. TimedOut."""
        names = tuple(self.kubectl.names.values())
        self.create(*self.minio(image, size))
        self.create(*(self.probe(name, image) for name in names))
        for name in names:
            until(partial(self._pods_run, name), waited_for=f"pods in {name}", within_s=STARTED_S)
        until(self._create_bucket, waited_for="the proof's object store", within_s=60)

    def address(self) -> str:
        (pod,) = self._pods(self.policy.namespace, STORE)
        return text(pod, "status", "podIP")

    def namespaces(self, restored: Iterable[str]) -> tuple[Object, ...]:
        """The proof's own, in which Velero's node agents may see the nodes' volumes, and those of the backup."""
        levels = {self.policy.namespace: "privileged", **dict.fromkeys(map(self.policy.renamed, restored), "baseline")}
        return tuple(made("proof-namespace", name=name, level=each, run=self.run) for name, each in levels.items())

    def first(self, namespace: str) -> tuple[Object, ...]:
        """What is created in one of the namespaces before anything else: it lets Velero in, and isolates the rest."""
        whose = {"role": rbac.PROOF_VELERO_ROLE, "account": rbac.PROOF_ACCOUNT}
        binding = made("velero-binding", namespace=namespace, velero=self.policy.namespace, run=self.run, **whose)
        isolation = made("isolation", namespace=namespace, run=self.run)
        return (binding,) if namespace == self.policy.namespace else (binding, isolation)

    def minio(self, image: str, size: int) -> tuple[Object, ...]:
        """The object store, with a volume for a backup of `size` bytes."""
        values = {
            "namespace": self.policy.namespace,
            "run": self.run,
            "access_key": self.keys.access_key,
            "secret_key": self.keys.secret_key,
            "storage_class": self.policy.storage_class,
            "storage": f"{math.ceil(1 + _ROOM * size / 2**30)}Gi",
            "image": self.policy.image(image),
        }
        return tuple(made(name, **values) for name in ("store-keys", "store-claim", "store-service", STORE))

    def probe(self, namespace: str, image: str) -> Object:
        """A pod that tries what its namespace lets out."""
        return made(PROBE, namespace=namespace, image=self.policy.image(image), run=self.run)

    def up(self) -> None:
        """Creates nothing: the namespaces were claimed."""
        self.api("get", "--raw", "/readyz")

    def down(self, *, keep_store: bool = False) -> None:
        self._forward.close()
        super().down(keep_store=keep_store)

    def release(self) -> None:
        self._forward.close()
        super().release()

    def collect(self, into: Path) -> None:
        for name in self.kubectl.names.values():
            diagnostics.collect_namespace(self.api, name, into / name)

    def _called(self, namespace: str) -> str:
        return self.kubectl.of(namespace)

    def _before_removal(self, namespaces: Collection[str]) -> None:
        """Release the restores: their finalizer waits for Velero, which goes with the same namespace.

        Each is deleted first and released then: until it is deleted, a running Velero sets the finalizer again.
        """
        if self.policy.namespace not in namespaces:
            return
        here, kind = f"--namespace={self.policy.namespace}", "restores.velero.io"
        with contextlib.suppress(ToolFailed):  # our role was never bound, so there is none
            for each in objects(self.api, kind, here):
                name = name_of(each)
                self.api("delete", kind, name, here, "--ignore-not-found", "--wait=false")
                with contextlib.suppress(ToolFailed):  # Velero was faster
                    self.api("patch", kind, name, here, "--type=merge", '--patch={"metadata": {"finalizers": null}}')

    def _pods(self, namespace: str, name: str = "") -> tuple[Object, ...]:
        only = (f"--field-selector=metadata.name={name}",) if name else ()
        return objects(self.api, "pods", f"--namespace={namespace}", *only)

    def _pods_run(self, namespace: str) -> None:
        if waiting := [describe_pod(pod) for pod in self._pods(namespace) if condition(pod, "Ready") != "True"]:
            raise NotYet("; ".join(waiting))

    def _create_bucket(self) -> None:
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
