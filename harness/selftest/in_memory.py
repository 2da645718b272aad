"""Stores in memory, for the self-test to mutate. A `World` holds what their members hold."""

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.core.bank_workload import balances_after, opening_balances
from harness.core.model import OWN, Health, IndexReading, Json, Operation, Part, Reading, Row
from harness.core.ports import Corrupt, Dataset, Unanswered
from harness.core.reason import Reason


@dataclass
class MemberState:
    tables: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)
    ledger: list[Row] = field(default_factory=list)
    healthy: bool = True
    flaky: bool = False  # every second answer about its health is "unhealthy"
    health_reads: int = 0
    writable: bool = True
    balances: dict[str, int] = field(default_factory=dict)
    definitions: dict[str, str] = field(default_factory=dict)
    settings: str = "as made"
    corrupt: bool = False
    index: tuple[str, str] | None = None  # the reason code and the detail of how an index differs from its table
    index_corrupt: bool = False
    persistent: bool = True  # whether its data survive a restart
    replicates: bool = True


@dataclass
class World:
    """The members of all stores, by store and name; none can be reached if the world is not `alive`."""

    members: dict[str, dict[str, MemberState]] = field(default_factory=dict)
    alive: bool = True
    restarts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def restart(self, pods: Sequence[str]) -> dict[str, dict[str, Json]]:
        """Restart everything: what is not persistent is lost. Returns the old and new UIDs of `pods`."""
        self.restarts += 1
        for state in (state for members in self.members.values() for state in members.values()):
            if not state.persistent:
                state.tables, state.ledger = {}, []
        return {pod: {"before": f"{pod}-{self.restarts - 1}", "after": f"{pod}-{self.restarts}"} for pod in pods}


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
                if not state.replicates:
                    continue
                state.balances = balances_after(state.balances, (operation.n,))
                rest = [row for row in state.ledger if row.key != operation.key]
                new = [] if operation.verb == "delete" else [Row(operation.n, operation.key, operation.value)]
                state.ledger = rest + new

    def close(self) -> None:
        """Nothing is open."""


DEFINITIONS = (
    *("indexes user", "constraints user", "sequence user", "trigger user", "view users"),
    *("grants app", "user app"),
)
"""The definitions of a store in memory."""


class MemoryStore:
    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.members = tuple(f"{name}-{n}" for n in range(3))
        self._world = world
        world.members[name] = {member: MemberState() for member in self.members}

    def seed(self, dataset: Dataset) -> None:
        for state in self._world.members[self.name].values():
            for table in dataset.tables(self.name):
                state.tables[table] = list(dataset.rows(self.name, table))
            state.balances = opening_balances()
            state.definitions = dict.fromkeys(DEFINITIONS, "as made")

    def health(self, member: str) -> Health:
        """Healthy, unless the world says otherwise."""
        state = self._state(member)
        state.health_reads += 1
        healthy = state.healthy and not (state.flaky and state.health_reads % 2 == 0)
        reasons = () if healthy else (Reason.MemberUnhealthy,)
        return Health(healthy, "healthy" if healthy else "unhealthy", "member", f"id-{member}", reasons)

    def digest(self, member: str) -> Reading:
        """A sum of hashes over the rows of each table, and the member's own settings."""
        state = self._state(member)
        if state.corrupt:
            raise Corrupt("a page's checksum is wrong")
        tables = {f"table {name}": _part(rows) for name, rows in state.tables.items()}
        definitions = {name: _part([(text,)]) for name, text in state.definitions.items()}
        own = {f"{OWN}settings": _part([(member, state.settings)])}
        return Reading(member, tables | definitions | own)

    def indexes(self, member: str) -> IndexReading:
        """One index a table."""
        state = self._state(member)
        if state.index_corrupt:
            raise Corrupt("index user.name: a page's checksum is wrong", ("index user.name",))
        if not state.index:
            return IndexReading(member, len(state.tables), {})
        reason, detail = state.index
        return IndexReading(member, len(state.tables), {"user.name": detail}, {"user.name": Reason[reason]})

    def writer(self) -> MemoryWriter:
        return MemoryWriter(self._world, self.name)

    def ledger(self, member: str) -> Iterator[Row]:
        yield from list(self._state(member).ledger)

    def balances(self, member: str) -> Mapping[str, int]:
        return dict(self._state(member).balances)

    def recover(self) -> None:
        """Nothing more to do."""

    def _state(self, member: str) -> MemberState:
        if not self._world.alive:
            raise ConnectionRefusedError("the namespace is gone")
        return self._world.members[self.name][member]


@dataclass(frozen=True)
class MemoryData:
    """Known data of two small tables a store."""

    seed: int = 1
    size: str = "tiny"

    def tables(self, store: str) -> tuple[str, ...]:
        return ("realm", "user")

    def columns(self, store: str, table: str) -> tuple[str, ...]:
        return ("id", "name")

    def rows(self, store: str, table: str) -> Iterator[tuple[object, ...]]:
        for n in range(20):
            yield (n, f"{store}/{table}/{self.seed}/{n}")


def _part(rows: list[tuple[object, ...]]) -> Part:
    total = sum(int.from_bytes(hashlib.sha256(repr(row).encode()).digest()) for row in rows)
    return Part(len(rows), f"{total % 2**256:064x}")
