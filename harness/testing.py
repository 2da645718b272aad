"""In-memory adapters: a whole drill in a second, to test the harness's own logic. They replace no drill.

A `World` is what a cluster, its stores and its bucket are to a real drill. Spoil it between two
steps (see `Sabotage`) and the verdict must turn.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import FaultHadNoEffect
from harness.model import (
    Digest,
    Health,
    Operation,
    Part,
    Protected,
    Row,
    Stored,
    ToolReport,
    Volume,
    VolumeCopy,
)
from harness.ports import Dataset, Target, Unanswered


@dataclass
class MemberState:
    """What one member holds."""

    tables: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)
    ledger: list[Row] = field(default_factory=list)
    healthy: bool = True
    hiccups: bool = False  # every second answer about its health is no
    asked: int = 0
    writable: bool = True


@dataclass
class World:
    """Everything that a real drill would have in its cluster and its bucket."""

    members: dict[str, dict[str, MemberState]] = field(default_factory=dict)
    bucket: dict[str, dict[str, MemberState]] = field(default_factory=dict)
    generation: int = 1
    alive: bool = True
    phase: str = "Completed"
    lost_volumes: tuple[str, ...] = ()
    lock: threading.Lock = field(default_factory=threading.Lock)


class MemoryCluster:
    """A cluster without a machine."""

    name = "memory"

    def __init__(self, world: World) -> None:
        """Show `world` as a cluster would."""
        self.world = world

    def up(self) -> None:
        """There already."""

    def down(self) -> None:
        """Nothing to remove."""

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        """Answer what a drill asks: pods and stateful sets as JSON, and yes to all else."""
        if args[:2] != ("get", "statefulsets,pods"):
            return ""
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        pods = [name for members in self.world.members.values() for name in members]
        items: list[dict[str, object]] = [{"kind": "Pod", "metadata": {"name": pod}, "status": ready} for pod in pods]
        items.append({"kind": "StatefulSet", "metadata": {"name": "all"}, "spec": {"replicas": len(pods)}})
        return json.dumps({"items": items})

    @contextlib.contextmanager
    def forward(self, namespace: str, pod: str, port: int) -> Iterator[tuple[str, int]]:
        """Nothing listens there."""
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


@dataclass
class MemoryWriter:
    """Writes to every member at once, as replication would."""

    world: World
    store: str

    def apply(self, operation: Operation) -> None:
        """Commit on all members, or on none."""
        with self.world.lock:
            members = self.world.members[self.store]
            if not self.world.alive or not all(state.writable for state in members.values()):
                raise Unanswered("gone")
            for state in members.values():
                rest = [row for row in state.ledger if row.key != operation.key]
                new = [] if operation.verb == "delete" else [Row(operation.n, operation.key, operation.value)]
                state.ledger = rest + new

    def close(self) -> None:
        """Nothing is open."""


class MemoryStore:
    """A store of three members."""

    def __init__(self, name: str, world: World) -> None:
        """Its members are called NAME-0 to NAME-2."""
        self.name = name
        self.members = tuple(f"{name}-{n}" for n in range(3))
        self._world = world
        world.members[name] = {member: MemberState() for member in self.members}

    def seed(self, dataset: Dataset) -> None:
        """Hold the rows on every member."""
        for state in self._world.members[self.name].values():
            for table in dataset.tables(self.name):
                state.tables[table] = list(dataset.rows(self.name, table))

    def health(self, member: str) -> Health:
        """Well unless the world says otherwise."""
        state = self._state(member)
        state.asked += 1
        well = state.healthy and not (state.hiccups and state.asked % 2 == 0)
        return Health(well, "well" if well else "unwell", "member", f"id-{member}")

    def digest(self, member: str) -> Digest:
        """A sum of hashes over the rows of each table."""
        return {f"table {name}": _part(rows) for name, rows in self._state(member).tables.items()}

    def writer(self) -> MemoryWriter:
        """A writer to all members."""
        return MemoryWriter(self._world, self.name)

    def ledger(self, member: str) -> Iterator[Row]:
        """The rows as they stand."""
        yield from list(self._state(member).ledger)

    def recover(self) -> None:
        """Nothing more to do."""

    def _state(self, member: str) -> MemberState:
        if not self._world.alive:
            raise ConnectionRefusedError("the namespace is gone")
        return self._world.members[self.name][member]


class MemoryEngine:
    """Copies the whole world, and puts the copy back."""

    name = "memory"

    def __init__(self, world: World) -> None:
        """Keep backups in the world's bucket."""
        self._world = world

    def install(self) -> None:
        """There already."""

    def protected(self, namespace: str) -> tuple[Protected, ...]:
        """The first member of every store."""
        return tuple(Protected(store, next(iter(members)), "dump") for store, members in self._world.members.items())

    def backup(self, name: str, namespace: str) -> ToolReport:
        """Copy."""
        with self._world.lock:
            self._world.bucket = copy.deepcopy(self._world.members)
        return self._report(name)

    def stored(self, name: str) -> Stored:
        """One object a store."""
        return Stored(len(self._world.bucket), 1000 * len(self._world.bucket))

    def restore(self, name: str, backup: str) -> ToolReport:
        """Put back, as new volumes."""
        self._world.members = copy.deepcopy(self._world.bucket)
        self._world.generation += 1
        self._world.alive = True
        return self._report(name)

    def collect(self, into: Path) -> None:
        """No logs."""

    def _report(self, name: str) -> ToolReport:
        copies = tuple(
            VolumeCopy(volume.pod, volume.volume, "Completed", 1000, 1000, "")
            for volume in self.protected("")
            if volume.pod not in self._world.lost_volumes
        )
        return ToolReport(name, self._world.phase, 0, 0, (), copies)


@dataclass(frozen=True)
class MemoryLoss:
    """The fault: everything is gone. With `really` false it only says so."""

    world: World
    really: bool = True
    name: str = "MemoryLoss"

    def inject(self, target: Target) -> None:
        """Lose it."""
        if self.really:
            self.world.alive = False

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """Every volume that is no longer there."""
        now = {volume.volume_uid for volume in target.cluster.volumes(target.namespace)}
        gone = {volume.claim: "gone" for volume in before if volume.volume_uid not in now}
        if not gone:
            raise FaultHadNoEffect("every volume is still there")
        return gone

    def undo(self, target: Target) -> None:
        """The loss stays; there is nothing to take away."""


@dataclass(frozen=True)
class MemoryData:
    """Known data of two small tables a store."""

    seed: int = 1
    size: str = "tiny"

    def tables(self, store: str) -> tuple[str, ...]:
        """The same two for every store."""
        return ("realm", "user")

    def columns(self, store: str, table: str) -> tuple[str, ...]:
        """The same two for every table."""
        return ("id", "name")

    def rows(self, store: str, table: str) -> Iterator[tuple[object, ...]]:
        """Twenty rows."""
        for n in range(20):
            yield (n, f"{store}/{table}/{self.seed}/{n}")


Sabotage = Callable[[World], None]
"""Something that spoils a world."""


@dataclass
class SpoiltEngine(MemoryEngine):
    """An engine whose restore comes out spoilt by `sabotage`."""

    world: World
    sabotage: Sabotage

    def __post_init__(self) -> None:
        """Keep backups in the world's bucket."""
        super().__init__(self.world)

    def restore(self, name: str, backup: str) -> ToolReport:
        """Put back, and spoil."""
        report = super().restore(name, backup)
        self.sabotage(self.world)
        return self._report(report.name)


def _part(rows: list[tuple[object, ...]]) -> Part:
    total = sum(int.from_bytes(hashlib.sha256(repr(row).encode()).digest()) for row in rows)
    return Part(len(rows), f"{total % 2**256:064x}")
