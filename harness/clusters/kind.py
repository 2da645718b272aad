"""A cluster of kind's nodes with its own network, its fence and its object store."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from harness.backups.object_store import ObjectStore
from harness.clusters import diagnostics
from harness.clusters.cleanup import PROCESSES
from harness.clusters.docker import KIND_LABEL, Docker
from harness.clusters.fence import NetworkIsolation, PacketCounts, blocked_on_node
from harness.clusters.lock import Lock
from harness.clusters.minio import Minio
from harness.clusters.network import Network
from harness.clusters.nodes import KindMachines
from harness.core import parallel
from harness.core.errors import HarnessError, Misconfigured, TimedOut, ToolFailed
from harness.core.json import integer
from harness.core.kubernetes import Kubectl, condition, name_of, objects
from harness.core.model import Volume
from harness.core.process import run, run_logged
from harness.core.wait import NotYet, until

NODES = ("control-plane", "worker", "worker2", "worker3")
"""What kind calls the nodes of clusters/kind.yaml, after the cluster's own name."""

LOAD_S = 900.0
"""To put one image onto all nodes: a minute for a gigabyte."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Programs:
    """The programs that a cluster needs."""

    docker: Docker
    kind: Path
    kubectl: Path


class KindCluster:
    """One control plane, three workers. Implements `harness.core.ports.Cluster`."""

    def __init__(
        self,
        name: str,
        programs: Programs,
        *,
        node_image: str,
        minio_image: str,
        topology: Path,
        state: Path,
        network: Network | None = None,
        images: Sequence[str] = (),
    ) -> None:
        """`topology` is the folder clusters/; `state` a folder for what must be known of all clusters.

        `images` are more of the engine's that its nodes have, since behind the fence none can be pulled.

        With another cluster's `network`, its object store and its fence are shared, and left to it.
        """
        if not _NAME.fullmatch(name):
            raise Misconfigured(f"{name!r} can't name a cluster: use up to 32 of a-z, 0-9 and -, no - at the ends")
        self.name = name
        self.home = state / name
        self.kubectl = Kubectl(programs.kubectl, self.home / "kubeconfig", register=self.home / PROCESSES)
        self._programs = programs
        self._docker = programs.docker
        self._node_image = node_image
        self._topology = topology
        self._images = tuple(images)
        self._lock = Lock(state / f"{name}.lock")
        self._network = network or Network(self._docker, name)
        self._beside = partial(
            KindCluster,
            programs=programs,
            node_image=node_image,
            minio_image=minio_image,
            topology=topology,
            state=state,
            images=images,
        )
        self._fence = NetworkIsolation(self._docker, self._network, node_image)
        self._minio = Minio(self._docker, self._network, minio_image)
        self._store: ObjectStore | None = None

    @property
    def kubeconfig(self) -> Path:
        """What leads to it, and to no other one."""
        return self.kubectl.kubeconfig

    @property
    def store(self) -> ObjectStore:
        """The object store; there only after `up`."""
        if self._store is None:
            raise HarnessError(f"the cluster {self.name} is not up")
        return self._store

    @property
    def machines(self) -> KindMachines:
        """Its nodes and its object store, to be broken."""
        return KindMachines(self._docker, self.nodes, self._minio.name)

    @cached_property
    def beside(self) -> KindCluster:
        """A second cluster on the same network, with the same object store; nothing is made yet.

        It goes and stays with this one, which is never used again as it is.
        """
        (self.home / "recipe").unlink(missing_ok=True)
        return self._beside(f"{self.name}-b", network=self._network)

    def up(self) -> None:
        """Make it, or take over an earlier one of ours; return when pods can run.

        Misconfigured for a stranger's cluster of this name, or one that another drill is using.
        """
        self._lock.acquire(f"the cluster {self.name}")
        self._refuse_strangers()
        if not self.is_whole():
            self._leave_beside()
            self._remove_nodes()
            shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True, exist_ok=True)
        self._network.up()
        self._fence.up()
        steps: tuple[Callable[[], None], ...] = (self._store_up, self._nodes_up)
        parallel.for_each(steps, lambda step: step())
        for image in self._images:
            load = ("load", "docker-image", image, f"--name={self.name}")
            run([self._programs.kind, *load], env=self._docker.env, within_s=LOAD_S, register=self.home / PROCESSES)

    def down(self, *, keep_store: bool = False) -> None:
        """Remove it and everything made with it, but for the object store if that is to be kept."""
        self._lock.acquire(f"the cluster {self.name}")
        self._leave_beside()
        self._remove_nodes()
        if not keep_store:
            self._minio.down()
            if self._network.owner == self.name:  # while it stands, so may its fence
                self._fence.down()
                self._network.down()
        shutil.rmtree(self.home, ignore_errors=True)
        self._lock.release()

    def release(self) -> None:
        """Leave it standing for whoever comes next."""
        if "beside" in vars(self):
            self.beside.release()
        self._lock.release()

    def forward(self, namespace: str, pod: str, port: int) -> contextlib.AbstractContextManager[tuple[str, int]]:
        """A local address that reaches `port` of `pod` for as long as the block lasts."""
        return self.kubectl.forward(namespace, pod, port)

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        """Every persistent volume claim of `namespace` with what it is bound to."""
        return self.kubectl.volumes(namespace)

    def escapes(self) -> PacketCounts:
        """What tried to leave, stopped by the nodes' own fence or by the host's, and what got past both."""
        counts = self._fence.counts()
        inside = parallel.for_each(self.nodes(), partial(blocked_on_node, self._docker))
        return replace(counts, stopped=counts.stopped + sum(inside))

    def collect(self, into: Path) -> None:
        """Write logs, events and objects below `into`; never raises for what cannot be had."""
        diagnostics.collect(self.kubectl, self._docker, self.nodes(), self.home, into)
        if "beside" in vars(self):
            self.beside.collect(into / "beside")

    def nodes(self) -> tuple[str, ...]:
        """The names of the containers that are this cluster's nodes and ours, running or not."""
        return self._nodes(f"{KIND_LABEL}={self.name}")

    def _nodes(self, label: str) -> tuple[str, ...]:
        if self._network.owner != self._network.cluster:
            return ()
        mine = ("--filter", f"network={self._network.name}")
        return self._docker.listed("ps", "--all", "--filter", f"label={label}", *mine, "--format={{.Names}}")

    def _refuse_strangers(self) -> None:
        if self._network.owner not in (None, self._network.cluster):
            raise Misconfigured(f"a network {self._network.name} exists that drillproof did not make; remove it")
        mine, wanted = self.nodes(), {f"{self.name}-{node}" for node in NODES}
        for line in self._docker.listed("ps", "--all", f'--format={{{{.Names}}}} {{{{.Label "{KIND_LABEL}"}}}}'):
            container, _, cluster = line.partition(" ")
            if (cluster == self.name or container in wanted) and container not in mine:
                raise Misconfigured(
                    f"{container} stands where the cluster {self.name} would, and drillproof did not make it;"
                    " name another cluster, or remove it"
                )

    def _recipe(self) -> str:
        """A hash of all that the nodes are made from."""
        files = sorted(path for folder in ("node", "platform") for path in (self._topology / folder).iterdir())
        parts = [self._node_image.encode(), *(path.read_bytes() for path in (self._topology / "kind.yaml", *files))]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def is_whole(self) -> bool:
        """Whether there is a cluster of ours by this name that was finished, was made like this, and is well."""
        made = self.home / "recipe"
        try:
            if not made.exists() or made.read_text() != self._recipe() or len(self.nodes()) != len(NODES):
                return False
            if not self._minio.is_there():  # a new one has new credentials, which the old nodes don't know
                return False
            self._ready()
        except (NotYet, ToolFailed, TimedOut):
            return False
        return True

    def is_there(self) -> bool:
        """Whether anything of a cluster of ours by this name is: its nodes, or the object store that outlives them."""
        return bool(self.nodes()) or self._minio.is_there()

    def _store_up(self) -> None:
        self._store = self._minio.up()

    def _nodes_up(self) -> None:
        made = self.home / "recipe"
        if made.exists():
            return
        # A proxy of the user's would be the way out that the fence closes; the nodes get none.
        env = {**self._programs.docker.env, **{case: "" for name in _PROXIES for case in (name, name.lower())}}
        run_logged(
            [
                *(self._programs.kind, "create", "cluster", "--name", self.name, "--image", self._node_image),
                *("--config=kind.yaml", f"--kubeconfig={self.kubectl.kubeconfig}", "--wait=0s"),
                "--retain",  # nodes that did not come up say why; `down` removes them
            ],
            self.home / "kind.log",
            within_s=600,
            env={**env, "KIND_EXPERIMENTAL_DOCKER_NETWORK": self._network.name},
            cwd=self._topology,
            register=self.home / PROCESSES,
        )
        until(self._ready, waited_for=f"the nodes of {self.name} to be ready", within_s=180)
        made.write_text(self._recipe())

    def _ready(self) -> None:
        """Return if pods can run, with names and volumes; else NotYet."""
        found = objects(self.kubectl, "nodes,deployments", "--all-namespaces", within_s=10)
        nodes = [thing for thing in found if thing["kind"] == "Node"]
        waiting = [name_of(node) for node in nodes if condition(node, "Ready") != "True"]
        wanted = {"coredns", "local-path-provisioner"}
        served = {name_of(item) for item in found if integer(item, "status", "availableReplicas")}
        waiting += sorted(wanted - served)
        if len(nodes) != len(NODES) or waiting:
            raise NotYet(f"{len(nodes)} of {len(NODES)} nodes; not ready: {', '.join(waiting)}")

    def _leave_beside(self) -> None:
        """Take the one beside down; the next move has another, and spoils this one anew."""
        if beside := vars(self).pop("beside", None):
            beside.down(keep_store=True)

    def _remove_nodes(self) -> None:
        # On its own network those of a cluster beside, too, that a drill before left: its Velero has the same bucket.
        if nodes := self._nodes(KIND_LABEL) if self._network.cluster == self.name else self.nodes():
            self._docker("rm", "--force", "--volumes", *nodes, within_s=120)
