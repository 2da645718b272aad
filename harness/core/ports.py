"""The seams of the harness: small Protocols, which adapters implement and workflows use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.model import (
    Health,
    IndexReading,
    Login,
    Operation,
    Protected,
    Reading,
    Row,
    Stored,
    ToolReport,
    Volume,
)

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


class Unanswered(Exception):
    """The client never got an answer: the write may or may not have been committed."""


class Refused(Exception):
    """The store said no: the write was certainly not committed."""


class Corrupt(Exception):
    """A member answered that what it holds is damaged: a checksum is wrong, a page or a file is missing."""

    def __init__(self, message: str, objects: tuple[str, ...] = ()) -> None:
        """`objects` are the names of what is damaged (`table core_iam.client`), where the member names it."""
        super().__init__(message)
        self.objects = objects


class ClusterAccess(Protocol):
    """What reaches the pods of a cluster."""

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        """Run kubectl against this cluster and return its standard output."""

    def forward(self, namespace: str, pod: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        """A local address that reaches `port` of `pod` while the block lasts."""


class Cluster(ClusterAccess, Protocol):
    """A Kubernetes cluster with its platform: storage, object store, isolated network."""

    @property
    def name(self) -> str: ...

    def up(self) -> None:
        """Create it, or reuse an earlier one of this name; return when pods can run."""

    def down(self) -> None:
        """Remove it and everything created with it. May be called twice, and if it was never up."""

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        """Every persistent volume claim of `namespace` with what it is bound to."""

    def collect(self, into: Path) -> None:
        """Write logs, events and objects below `into`; never raises for what is not available."""


class Writer(Protocol):
    """An open connection that writes to the service as a client would."""

    def apply(self, operation: Operation) -> None:
        """Commit one operation and, in the same transaction, its transfer (see `harness.core.bank_workload`).

        Unanswered if no answer came, Refused if the store said no: then neither is committed.
        """

    def close(self) -> None:
        """Drop the connection; may be called twice."""


class Dataset(Protocol):
    """Known data: the same for the same seed and size, made in a stream, never held whole."""

    @property
    def seed(self) -> int: ...
    @property
    def size(self) -> str: ...

    def tables(self, store: str) -> tuple[str, ...]:
        """The names of the store's parts (tables, key prefixes), in the order in which they must be loaded."""

    def columns(self, store: str, table: str) -> tuple[str, ...]:
        """The names of the columns that `rows` yields, in order."""

    def rows(self, store: str, table: str) -> Iterator[tuple[object, ...]]:
        """The rows of one part; a row that another refers to comes first."""


class Datastore(Protocol):
    """One protected store with its members. Members are named by their pods."""

    @property
    def name(self) -> str: ...
    @property
    def members(self) -> tuple[str, ...]: ...

    def seed(self, dataset: Dataset) -> None:
        """Load the known data by the store's bulk path; return when every member has it."""

    def health(self, member: str) -> Health:
        """Ask one member about itself and its replication; ok only if both are well."""

    def digest(self, member: str) -> Reading:
        """Everything but the ledger and its accounts, digested inside the database, as this one member shows it.

        Corrupt if the member says that its data are damaged.
        """

    def writer(self) -> Writer:
        """Connect to the service for writing."""

    def ledger(self, member: str) -> Iterator[Row]:
        """The ledger's rows as this member shows them, in a stream. Corrupt as for `digest`."""

    def balances(self, member: str) -> Mapping[str, int]:
        """Every account (`checking/0`) with its balance, as this member shows it. Corrupt as for `digest`."""

    def recover(self) -> None:
        """The restore steps that come after the backup tool's: rebuild replicas, open to writes."""


@runtime_checkable
class Administered(Protocol):
    """A store whose administrator can do anything to it."""

    def execute(self, member: str, statement: str) -> None:
        """Run statements on one member. ToolFailed if it refuses one."""


@runtime_checkable
class Reusable(Protocol):
    """A store that the next drill can reuse."""

    def forget_writes(self) -> None:
        """Empty the ledger and reset its accounts; return when every member has that."""


@runtime_checkable
class Repairable(Protocol):
    """A store that its administrator can repair from its members' own volumes."""

    def mend(self) -> None:
        """Follow the procedure of its manual. ToolFailed, TimedOut."""


@runtime_checkable
class Indexed(Protocol):
    """A store that has indexes."""

    def indexes(self, member: str) -> IndexReading:
        """Hold each index of one member against its table, by that member's own copy of both. Changes nothing.

        Corrupt, naming the index, if the member says that it is damaged; ToolFailed where one cannot be asked.
        """


class Service(Protocol):
    """What users log in to; it keeps all its data in one of the stores."""

    @property
    def name(self) -> str: ...
    @property
    def pods(self) -> tuple[str, ...]: ...

    def login(self, earlier: str = "") -> tuple[Login, str]:
        """Log in as a known user, and try what a token of an `earlier` login is worth now; with the new token.

        Unanswered if it does not answer. The token is "" if none was got.
        """


class BackupEngine(Protocol):
    """What takes and restores a backup."""

    @property
    def name(self) -> str: ...

    def install(self) -> None:
        """Make the engine ready on the cluster."""

    def forget(self) -> None:
        """Remove every backup and restore from the bucket and from the engine's own records."""

    def protected(self, namespace: str) -> tuple[Protected, ...]:
        """Every volume that a backup taken now should copy, by the engine's own rules."""

    def hooks(self, namespace: str) -> Mapping[str, int]:
        """How many commands a backup taken now should run, before and after its copies together, by pod."""

    def backup(self, name: str, namespace: str) -> ToolReport:
        """Take a backup of the namespace; return what the tool says when it says it is done."""

    def stored(self, name: str) -> Stored:
        """What of this backup can be seen in the bucket, by our own listing."""

    def check(self, name: str, stored: Stored) -> Stored:
        """`stored`, with the result of a check of all its data: whether it ran to its end, and the damage it found."""

    def restore(self, name: str, backup: str, *, within_s: float = timeouts.RESTORE_S) -> ToolReport:
        """Restore `backup` under the name `name`; return what the tool says when it says it is done. TimedOut."""

    def layout(self, namespace: str) -> Mapping[str, str]:
        """How the keys begin, in the bucket, of each part of the namespace's repository: packs, index, snapshots."""

    def collect(self, into: Path) -> None:
        """Write the tool's own logs and records below `into`."""


class Bucket(Protocol):
    """Where backups are stored."""

    @property
    def bucket(self) -> str: ...

    def client(self) -> S3Client:
        """A client from outside the cluster, with all rights to it."""


class Machines(Protocol):
    """What a cluster runs on and can break: nodes and the object store. Only a cluster of our own has it."""

    @property
    def object_store(self) -> str: ...

    def nodes(self) -> tuple[str, ...]:
        """The names of all nodes, running or not; a node is called the same in Kubernetes."""

    def on_node(self, node: str, *argv: str, stdin: str | None = None, within_s: float = 60) -> str:
        """Run a command as root on a node, and return its standard output. ToolFailed, TimedOut."""

    def power_off(self, machine: str) -> None:
        """End a node or the object store at once, as a power cut would. May be called twice."""

    def power_on(self, machine: str) -> None:
        """Start it again, with the disk that it had. May be called twice."""

    def is_on(self, machine: str) -> bool:
        """Whether it runs."""


@dataclass(frozen=True)
class Target:
    cluster: Cluster
    namespace: str
    stores: tuple[Datastore, ...]
    bucket: Bucket
    machines: Machines
    layout: Mapping[str, str] = field(default_factory=dict)  # see `BackupEngine.layout`
    volumes_before: tuple[Volume, ...] = ()  # the namespace's volumes before the fault was injected

    def store(self, name: str) -> Datastore:
        """One of the stores by its name; FaultHadNoEffect if this drill has none such."""
        for store in self.stores:
            if store.name == name:
                return store
        raise FaultHadNoEffect(f"this drill has no {name}")

    def administered(self, name: str) -> tuple[Datastore, Administered]:
        """A store by its name, and its administrator's power over it; FaultHadNoEffect if it has none."""
        store = self.store(name)
        if not isinstance(store, Administered):
            raise FaultHadNoEffect(f"{name} takes no statements")
        return store, store


class Reach(Enum):
    NAMESPACE = "the drill's own namespace"
    MACHINES = "the machines below the cluster"
    BUCKET = "the bucket with everybody's backups"
    TOOL = "the backup tool that others use, too"
    CLUSTER = "what all namespaces share"


class Fault(Protocol):
    """Something that breaks. A frozen dataclass: it keeps no state, so `undo` works from what it finds."""

    @property
    def name(self) -> str:
        """What it does to what, in words with hyphens: `delete-namespace`, `lose-volume of mysql-primary-0`."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The stores, and the parts of a repository, that the drill must have."""

    @property
    def reach(self) -> Reach:
        """What it affects. A fault that does not declare it is assumed to affect anything."""

    def inject(self, target: Target) -> None:
        """Break it. A fault that runs during a step waits for the right moment itself, within a deadline."""

    def damage(self, target: Target) -> Mapping[str, str]:
        """What is observed to be lost or wrong: a name for each, and what was observed.

        Waits for it, within a deadline. FaultHadNoEffect if there is none. That `inject` returned is no damage.
        """

    def undo(self, target: Target) -> None:
        """Remove the fault, not its damage. Can be called twice, and also if `inject` was never called."""
