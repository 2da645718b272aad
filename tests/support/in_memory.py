"""In-memory adapters: a whole drill in a second, to test the harness's own logic. They replace no drill.

A `World` stands for the cluster, its stores and its bucket. A `WorldChange` between two steps must change the verdict.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from harness.clusters.environment import EnvironmentCluster
from harness.core.bank_workload import opening_balances
from harness.core.clock import Clock
from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.kubernetes import LABEL
from harness.core.model import Json, Login, Protected, ReusableState, Stored, ToolReport, Volume, VolumeCopy
from harness.core.ports import BackupEngine, Indexed, Reach, Target
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.selftest import in_memory
from harness.selftest.in_memory import MemberState, MemoryData
from harness.workflows.drill.drill import Drill, Parts
from harness.workflows.drill.scenario import Scenario
from harness.workflows.drill.scenario import facts as scenario_facts
from harness.workflows.run_options import Hook
from harness.workloads.deployment import Deployment


@dataclass
class World(in_memory.World):
    """Everything that a real drill would have in its cluster and its bucket."""

    bucket: dict[str, dict[str, MemberState]] = field(default_factory=dict)
    generation: int = 1
    phase: str = "Completed"
    lost_volumes: tuple[str, ...] = ()
    objects: dict[str, str] = field(default_factory=lambda: {"postgres": "5432", "mysql": "3306"})
    ready: dict[str, list[str]] = field(default_factory=lambda: {"postgres": ["postgres-0"]})
    services: tuple[str, ...] = ()  # pods
    deployed: bool = False
    broken: set[str] = field(default_factory=set)  # below it: "the API server", "the object store", a node
    login: Login = field(default_factory=lambda: Login({"k1": "hash-1"}, "k1", "", "refused", ""))


class MemoryStore(in_memory.MemoryStore):
    """A store of three members, which the next drill can reuse."""

    def forget_writes(self) -> None:
        for state in self._world.members[self.name].values():
            state.ledger, state.balances = [], opening_balances()


class MemoryCluster:
    """A cluster without a machine."""

    name = "memory"
    object_store = "memory-store"

    def __init__(self, world: World) -> None:
        self.world = world
        self.store = self.machines = self

    def silence(self, within_s: float) -> str:
        return "connection refused" if "the object store" in self.world.broken else ""

    def nodes(self) -> tuple[str, ...]:
        if "the container engine" in self.world.broken:
            raise ToolFailed(["docker", "ps"], 1, "cannot connect")
        return ("memory-worker",)

    def up(self) -> None:
        """Nothing to do."""

    def down(self, *, keep_store: bool = False) -> None:
        """Nothing to remove."""

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        """Answer what a drill asks: lists of objects as JSON, and yes to all else."""
        if "the API server" in self.world.broken:
            raise ToolFailed(["kubectl", *args], 1, "connection refused")
        self.world.deployed |= args[0] == "apply"
        if args[:2] == ("get", "namespace"):
            return self._namespace()
        if args[0] == "api-resources":
            return "services"
        if args[:2] == ("delete", "pods"):
            self.world.restart(())
        if args[0] != "get" or args[1] == "--raw":
            return ""
        return json.dumps({"items": self._items(args[1])})

    def _namespace(self) -> str:
        there = self.world.deployed and self.world.alive
        return json.dumps({"metadata": {"labels": {LABEL: "memory"}}}) if there else ""

    def _items(self, kinds: str) -> list[Json]:
        pods = [name for members in self.world.members.values() for name in members] + [*self.world.services]
        ready = _ready(True)
        listed: dict[str, list[Json]] = {
            "services": [_object("Service", name, spec={"port": port}) for name, port in self.world.objects.items()],
            "nodes": [_object("Node", "memory-worker", status=_ready("memory-worker" not in self.world.broken))],
            "namespaces": [_object("Namespace", "custos")],
            "endpointslices.discovery.k8s.io": [_slice(name, ready) for name, ready in self.world.ready.items()],
            "deployments": [],
            "jobs.batch": [],
            "statefulsets": [_object("StatefulSet", "all", spec={"replicas": len(pods)})],
            "pods": [_object("Pod", name, uid=f"{name}-{self.world.restarts}", status=ready) for name in pods],
        }
        return [item for kind in kinds.split(",") for item in listed[kind]]

    @contextlib.contextmanager
    def forward(self, namespace: str, pod: str, port: int) -> Iterator[tuple[str, int]]:
        """An address where nothing listens."""
        yield ("127.0.0.1", 0)

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        """One claim a member; their UIDs change with every generation of the world."""
        age = self.world.generation
        return tuple(
            Volume(f"data-{pod}", f"claim-{pod}-{age}", f"pv-{pod}", f"pv-{pod}-{age}", "local")
            for members in self.world.members.values()
            for pod in (members if self.world.alive else ())
        )

    def collect(self, into: Path) -> None:
        """No logs."""


class MemoryService:
    """A service on the first store. The result of a login is that of its world."""

    name = "portal"
    pods = ("portal-0",)

    def __init__(self, world: World) -> None:
        self._world = world
        world.services = self.pods

    def login(self, earlier: str = "") -> tuple[Login, str]:
        """The login of the world; an earlier token is the ID of its key."""
        login, earlier_key = self._world.login, "holds" if earlier in self._world.login.keys else "its key is gone"
        return replace(login, earlier=earlier_key if earlier else ""), login.signed_by


class MemoryEngine:
    """Copies the whole world, and puts the copy back."""

    name = "memory"

    def __init__(self, world: World) -> None:
        self._world = world

    def install(self) -> None:
        """Nothing to do."""

    def forget(self) -> None:
        self._world.bucket = {}

    def protected(self, namespace: str) -> tuple[Protected, ...]:
        """The first member of every store."""
        return tuple(Protected(store, next(iter(members)), "dump") for store, members in self._world.members.items())

    def hooks(self, namespace: str) -> Mapping[str, int]:
        """One in the first member of every store."""
        return {volume.pod: 1 for volume in self.protected(namespace)}

    def backup(self, name: str, namespace: str) -> ToolReport:
        with self._world.lock:
            self._world.bucket = copy.deepcopy(self._world.members)
        return self._report(name)

    def stored(self, name: str) -> Stored:
        return Stored(len(self._world.bucket), 1000 * len(self._world.bucket))

    def check(self, name: str, stored: Stored) -> Stored:
        return replace(stored, checked=True)

    def restore(self, name: str, backup: str, *, within_s: float = 0) -> ToolReport:
        """Put back, as new volumes."""
        self._world.members = copy.deepcopy(self._world.bucket)
        self._world.generation += 1
        self._world.alive = True
        return self._report(name, of=backup)

    def layout(self, namespace: str) -> Mapping[str, str]:
        return {}

    def collect(self, into: Path) -> None:
        """No logs."""

    def _report(self, name: str, of: str = "") -> ToolReport:
        copies = tuple(
            VolumeCopy(volume.pod, volume.volume, "Completed", 1000, 1000, "")
            for volume in self.protected("")
            if volume.pod not in self._world.lost_volumes
        )
        return ToolReport(name, self._world.phase, 0, 0, (), copies, of, len(self.protected("")), 0)


@dataclass(frozen=True)
class MemoryLoss:
    """The fault: everything is lost. Without `really` it does nothing."""

    world: World
    really: bool = True
    name: str = "MemoryLoss"
    needs: tuple[str, ...] = ()
    reach: Reach = Reach.CLUSTER

    def inject(self, target: Target) -> None:
        if self.really:
            self.world.alive = False

    def damage(self, target: Target) -> Mapping[str, str]:
        now = {volume.volume_uid for volume in target.cluster.volumes(target.namespace)}
        gone = {volume.claim: "gone" for volume in target.volumes_before if volume.volume_uid not in now}
        if not gone:
            raise FaultHadNoEffect("every volume is still there")
        return gone

    def undo(self, target: Target) -> None:
        """Nothing to undo."""


WorldChange = Callable[[World], None]
"""A change of a world."""


class MutatingEngine(MemoryEngine):
    """An engine whose restore is followed by `change`."""

    def __init__(self, world: World, change: WorldChange) -> None:
        super().__init__(world)
        self._change = change

    def restore(self, name: str, backup: str, *, within_s: float = 0) -> ToolReport:
        super().restore(name, backup)
        self._change(self._world)
        return self._report(name, of=backup)


@dataclass(frozen=True)
class MemoryDrill:
    """A finished drill in memory."""

    run: Path
    stores: tuple[MemoryStore, ...]
    deployment: Deployment


def run_in_memory(
    runs: Path,
    world: World,
    stores: tuple[MemoryStore, ...],
    *,
    engine: BackupEngine | None = None,
    scenario: Scenario | None = None,
    hooks: tuple[Hook, ...] = (),
    objectives: Mapping[str, Json] | None = None,
    escaped: int | None = 0,
    left: ReusableState | None = None,
    moved: WorldChange = lambda _: None,
    about: Mapping[str, Json] | None = None,
) -> MemoryDrill:
    """Run one drill of `stores` in `world`. `escaped` packets left its network isolation; None: they were not counted.

    `left` is the state that an earlier drill in the same world left. `moved` changes the world that a move goes to.
    """
    scenario = scenario or Scenario(MemoryLoss(world))
    services = (MemoryService(world),)
    facts: dict[str, Json] = {
        **scenario_facts(scenario),
        "stores": {store.name: list(store.members) for store in stores},
        "indexed": [store.name for store in stores if isinstance(store, Indexed)],
        "services": {service.name: {"store": stores[0].name, "pods": list(service.pods)} for service in services},
        "objectives": objectives or {"rto_s": 60, "rpo_s": 60},
        **({"about": about} if about else {}),
    }
    run = run_directory.create(runs, "memory_loss", facts)
    journal = Journal(run / "journal.jsonl", Clock())
    journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
    journal.append("selftest", noticed=1, missed=[])
    cluster = cast("EnvironmentCluster", MemoryCluster(world))
    deployment = Deployment(cluster, "custos", "dump", runs, {})
    parts = Parts(
        cluster,
        engine or MemoryEngine(world),
        deployment,
        stores,
        MemoryData(),
        scenario,
        second=lambda: _second(parts, world, moved),
        hooks=hooks,
        env={"KUBECONFIG": "memory"},
        writes_per_s=400,
        left=left,
        services=services,
    )
    Drill(parts, run, journal).run()
    if escaped is not None:
        journal.append("fence", stopped=7, escaped=escaped)
    journal.close()
    return MemoryDrill(run, stores, deployment)


def _second(parts: Parts, world: World, change: WorldChange) -> Parts:
    """The parts of a drill in a second world, with the first one's bucket."""
    other = World(bucket=world.bucket, generation=world.generation + 100)
    stores = tuple(MemoryStore(store.name, other) for store in parts.stores)
    cluster = cast("EnvironmentCluster", MemoryCluster(other))
    change(other)
    return replace(
        parts,
        cluster=cluster,
        engine=MemoryEngine(other),
        deployment=replace(parts.deployment, cluster=cluster),
        stores=stores,
        env={"KUBECONFIG": "memory-b"},
        services=(MemoryService(other),),
    )


def _object(kind: str, name: str, uid: str = "", **content: Json) -> Json:
    return {"kind": kind, "metadata": {"name": name, "uid": uid}, **content}


def _ready(is_ready: bool) -> Json:
    return {"conditions": [{"type": "Ready", "status": "True" if is_ready else "Unknown"}]}


def _slice(service: str, pods: list[str]) -> Json:
    endpoints: list[Json] = [{"targetRef": {"name": pod}, "conditions": {"ready": True}} for pod in pods]
    labels: Json = {"kubernetes.io/service-name": service}
    return {"kind": "EndpointSlice", "metadata": {"labels": labels}, "endpoints": endpoints}
