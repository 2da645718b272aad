"""A database server that somebody else's manifests run: where it is, who may ask it, and what brings it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from harness.core.errors import HarnessError
from harness.core.ports import Cluster, Datastore
from harness.core.timeouts import RECOVER_S
from harness.core.wait import until

PASSWORD = "password"  # noqa: S105 # the name of a key
"""The key of what a datastore is handed as its secret."""


@dataclass(frozen=True)
class Server:
    """One server, or one primary with its replicas, as the file of an application describes it."""

    name: str  # of the store, in events and reports
    kind: str
    members: tuple[str, ...]  # their pods, the primary's first
    container: str
    port: int
    user: str
    databases: tuple[str, ...]  # those that must be there and hold rows; the first of PostgreSQL also holds the ledger
    recover: tuple[str, ...] = ()  # a command in the primary's container, after the tool's restore

    def bring_back(self, cluster: Cluster, namespace: str) -> None:
        """Run the command that the application has for this, once its container runs. ToolFailed, TimedOut."""
        if not self.recover:
            return
        where = ("exec", "-n", namespace, self.members[0], "-c", self.container, "--")
        what = f"{self.members[0]}'s container"
        until(lambda: cluster.kubectl(*where, "true", within_s=30), waited_for=what, within_s=RECOVER_S)
        cluster.kubectl(*where, *self.recover, within_s=RECOVER_S)

    def is_filled(self, held: Iterable[str], there: Iterable[str]) -> None:
        """HarnessError unless each of its databases is among those `there`, and among those that `held` a row.

        Where the application's own data are missing, a drill would compare nothing but what drillproof wrote.
        """
        if missing := sorted(set(self.databases) - set(there)):
            raise HarnessError(f"{self.name} has no database {', '.join(missing)}; it has {', '.join(there) or 'none'}")
        if empty := sorted(set(self.databases) - set(held)):
            raise HarnessError(
                f"the database {', '.join(empty)} of {self.name} holds no row, so nothing of the application's own "
                "could be compared; let its manifests load some, or do it with --after deploy=COMMAND"
            )


S_co = TypeVar("S_co", bound=Datastore, covariant=True)


class Given(Protocol[S_co]):
    """The class of a datastore for servers of one kind."""

    def __call__(self, cluster: Cluster, namespace: str, server: Server, secret: Mapping[str, str], /) -> S_co:
        """`secret` has the `PASSWORD`."""


@dataclass(frozen=True)
class GivenKind(Generic[S_co]):
    """One store of an application from a file. Implements `harness.workloads.application.StoreKind`."""

    of: Given[S_co]
    server: Server
    secret_keys: tuple[str, ...] = (PASSWORD,)

    @property
    def name(self) -> str:
        """The store's."""
        return self.server.name

    @property
    def members(self) -> tuple[str, ...]:
        """Its pods."""
        return self.server.members

    def __call__(self, cluster: Cluster, namespace: str, secret: Mapping[str, str], /) -> S_co:
        """The datastore itself."""
        return self.of(cluster, namespace, self.server, secret)
