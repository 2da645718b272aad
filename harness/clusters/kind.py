"""A kind cluster with its own isolated network and its own object store."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from harness.backups.object_store import ObjectStore
from harness.clusters import diagnostics
from harness.clusters.docker import KIND_LABEL, Docker
from harness.clusters.images.images import PreparedImages
from harness.clusters.lock import Lock
from harness.clusters.minio import Minio
from harness.clusters.network import Network, NetworkIsolation, PacketCounts, blocked_on_node
from harness.core import parallel, paths, resources
from harness.core.choices import cluster_name
from harness.core.errors import HarnessError, Misconfigured, TimedOut, ToolFailed
from harness.core.json import integer
from harness.core.kubernetes import Kubectl, condition, name_of, objects
from harness.core.model import Volume
from harness.core.process import run, run_logged
from harness.core.wait import NotYet, until

NODES = ("control-plane", "worker", "worker2", "worker3")
"""The names that kind gives the nodes of clusters/kind.yaml, after the cluster's own name."""

LOAD_S = 900.0
"""To load one image onto all nodes: a minute for a gigabyte."""

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class KindMachines:
    """The containers of one cluster: its nodes and its object store. Implements `harness.core.ports.Machines`."""

    docker: Docker
    nodes: Callable[[], tuple[str, ...]]
    object_store: str  # its name

    def on_node(self, node: str, *argv: str, stdin: str | None = None, within_s: float = 60) -> str:
        command: list[str | Path] = [self.docker.binary, "exec", "--interactive", self._require(node), *argv]
        return run(command, env=self.docker.env, stdin=stdin, within_s=within_s).stdout

    def power_off(self, machine: str) -> None:
        # Not `kill`: kind's nodes restart on failure, and a stopped container stays stopped.
        if self.is_on(machine):
            self.docker("stop", "--time=0", machine)

    def power_on(self, machine: str) -> None:
        self.docker("start", self._require(machine))

    def is_on(self, machine: str) -> bool:
        return self.docker("inspect", "--format={{.State.Running}}", self._require(machine)) == "true"

    def _require(self, machine: str) -> str:
        if machine not in (*self.nodes(), self.object_store):
            raise Misconfigured(f"{machine} is not a machine of this cluster; it has: {', '.join(self.nodes())}")
        return machine


@dataclass(eq=False)
class KindCluster:
    """One control plane, three workers. Implements `harness.clusters.environment.EnvironmentCluster`."""

    name: str
    docker: Docker
    images: PreparedImages
    extra_images: tuple[str, ...] = ()  # of the engine, loaded onto the nodes, which are isolated and can pull none
    network: Network | None = None  # of another cluster, whose object store and isolation it shares and never removes
    topology: Path = field(default_factory=resources.clusters)
    state: Path = field(default_factory=paths.state)  # the folder with the state of all clusters

    def __post_init__(self) -> None:
        cluster_name(self.name)
        self.home = self.state / self.name
        self._processes = self.home / paths.PROCESSES
        self.kubectl = Kubectl(self.images.tools.kubectl, self.home / "kubeconfig", register=self._processes)
        self._lock = Lock(self.state / f"{self.name}.lock")
        self._network = self.network or Network(self.docker, self.name)
        self._isolation = NetworkIsolation(self.docker, self._network, self.images.node)
        self._minio = Minio(self.docker, self._network, self.images.minio)
        self._store: ObjectStore | None = None

    @property
    def kubeconfig(self) -> Path:
        return self.kubectl.kubeconfig

    @property
    def store(self) -> ObjectStore:
        if self._store is None:
            raise HarnessError(f"the cluster {self.name} is not up")
        return self._store

    @property
    def machines(self) -> KindMachines:
        return KindMachines(self.docker, self.nodes, self._minio.name)

    @cached_property
    def second(self) -> KindCluster:
        """A second cluster on the same network, with the same object store; not created yet.

        It is kept and removed with this one, which no later drill reuses.
        """
        (self.home / "recipe").unlink(missing_ok=True)
        return replace(self, name=f"{self.name}-b", network=self._network)

    def up(self) -> None:
        """Create it, or reuse an earlier one; return when pods can run.

        Misconfigured for a cluster of this name that drillproof did not create, or that another drill is using.
        """
        self._lock.acquire(f"the cluster {self.name}")
        self._require_ours()
        if not self.is_reusable():
            self._remove_second()
            self._remove_nodes()
            shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True, exist_ok=True)
        self._network.up()
        self._isolation.up()
        parallel.for_each((self._store_up, self._nodes_up), lambda step: step())
        for image in self.extra_images:
            load = ("load", "docker-image", image, f"--name={self.name}")
            run([self.images.tools.kind, *load], env=self.docker.env, within_s=LOAD_S, register=self._processes)

    def down(self, *, keep_store: bool = False) -> None:
        self._lock.acquire(f"the cluster {self.name}")
        self._remove_second()
        self._remove_nodes()
        if not keep_store:
            self._minio.down()
            if self._network.owner == self.name:
                self._isolation.down()
                self._network.down()
        shutil.rmtree(self.home, ignore_errors=True)
        self._lock.release()

    def release(self) -> None:
        if "second" in vars(self):
            self.second.release()
        self._lock.release()

    def forward(self, namespace: str, pod: str, port: int) -> contextlib.AbstractContextManager[tuple[str, int]]:
        return self.kubectl.forward(namespace, pod, port)

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        return self.kubectl.volumes(namespace)

    def packet_counts(self) -> PacketCounts:
        """Packets that the nodes' rules or the host's blocked, and those that escaped both."""
        counts = self._isolation.counts()
        blocked = parallel.for_each(self.nodes(), partial(blocked_on_node, self.docker))
        return replace(counts, stopped=counts.stopped + sum(blocked))

    def collect(self, into: Path) -> None:
        diagnostics.collect(self.kubectl, self.docker, self.nodes(), self.home, into)
        if "second" in vars(self):
            self.second.collect(into / "beside")

    def nodes(self) -> tuple[str, ...]:
        return self._nodes(f"{KIND_LABEL}={self.name}")

    def _nodes(self, label: str) -> tuple[str, ...]:
        if self._network.owner != self._network.cluster:
            return ()
        mine = ("--filter", f"network={self._network.name}")
        return self.docker.lines("ps", "--all", "--filter", f"label={label}", *mine, "--format={{.Names}}")

    def _require_ours(self) -> None:
        self.docker.require_ours("network", self._network.name, self._network.cluster)
        mine, wanted = self.nodes(), {f"{self.name}-{node}" for node in NODES}
        for line in self.docker.lines("ps", "--all", f'--format={{{{.Names}}}} {{{{.Label "{KIND_LABEL}"}}}}'):
            container, _, cluster = line.partition(" ")
            if (cluster == self.name or container in wanted) and container not in mine:
                raise Misconfigured(
                    f"a container {container} exists that drillproof did not create, and the cluster {self.name} needs"
                    " its name; name another cluster, or remove it"
                )

    def _recipe(self) -> str:
        files = sorted(path for folder in ("node", "platform") for path in (self.topology / folder).iterdir())
        parts = [self.images.node.encode(), *(path.read_bytes() for path in (self.topology / "kind.yaml", *files))]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def is_reusable(self) -> bool:
        """Whether a cluster of this name is complete, created by this recipe, and healthy."""
        made = self.home / "recipe"
        try:
            if not made.exists() or made.read_text() != self._recipe() or len(self.nodes()) != len(NODES):
                return False
            if not self._minio.exists():  # a new one has new credentials, which the old nodes do not have
                return False
            self._ready()
        except (NotYet, ToolFailed, TimedOut):
            return False
        return True

    def exists(self) -> bool:
        """Whether anything of it exists: nodes, or the object store that outlives them."""
        return bool(self.nodes()) or self._minio.exists()

    def _store_up(self) -> None:
        self._store = self._minio.up()

    def _nodes_up(self) -> None:
        made = self.home / "recipe"
        if made.exists():
            return
        # The nodes get no proxy of the user's: it would be a way out of the isolation.
        env = {**self.docker.env, **{case: "" for name in _PROXIES for case in (name, name.lower())}}
        run_logged(
            [
                *(self.images.tools.kind, "create", "cluster", "--name", self.name, "--image", self.images.node),
                *("--config=kind.yaml", f"--kubeconfig={self.kubectl.kubeconfig}", "--wait=0s"),
                "--retain",  # nodes that did not come up say why; `down` removes them
            ],
            self.home / "kind.log",
            within_s=600,
            env={**env, "KIND_EXPERIMENTAL_DOCKER_NETWORK": self._network.name},
            cwd=self.topology,
            register=self._processes,
        )
        until(self._ready, waited_for=f"the nodes of {self.name} to be ready", within_s=180)
        made.write_text(self._recipe())

    def _ready(self) -> None:
        found = objects(self.kubectl, "nodes,deployments", "--all-namespaces", within_s=10)
        nodes = [thing for thing in found if thing["kind"] == "Node"]
        waiting = [name_of(node) for node in nodes if condition(node, "Ready") != "True"]
        wanted = {"coredns", "local-path-provisioner"}
        served = {name_of(item) for item in found if integer(item, "status", "availableReplicas")}
        waiting += sorted(wanted - served)
        if len(nodes) != len(NODES) or waiting:
            raise NotYet(f"{len(nodes)} of {len(NODES)} nodes; not ready: {', '.join(waiting)}")

    def _remove_second(self) -> None:
        """Remove the second cluster; the next migration gets a new one."""
        if second := vars(self).pop("second", None):
            second.down(keep_store=True)

    def _remove_nodes(self) -> None:
        # On its own network also those of an earlier drill's second cluster: its Velero uses the same bucket.
        if nodes := self._nodes(KIND_LABEL) if self._network.cluster == self.name else self.nodes():
            self.docker("rm", "--force", "--volumes", *nodes, within_s=120)
