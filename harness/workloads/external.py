"""Database servers that run by a user's own manifests: where they are, and what recovers them after a restore."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from harness.core.errors import HarnessError
from harness.core.ports import ClusterAccess, Datastore
from harness.core.timeouts import RECOVER_S
from harness.core.wait import until

PASSWORD = "password"  # noqa: S105 # the name of a key
"""The key of the password in a datastore's secret."""


@dataclass(frozen=True)
class Server:
    """One server, or a primary with its replicas, as an application file describes it."""

    name: str  # of the store, in events and reports
    kind: str
    members: tuple[str, ...]  # pods, the primary's first
    container: str
    port: int
    user: str
    databases: tuple[str, ...]  # those that must have rows; PostgreSQL's first also holds the ledger
    recover: tuple[str, ...] = ()  # a command in the primary's container, after Velero's restore

    def run_recover_command(self, cluster: ClusterAccess, namespace: str) -> None:
        """Run the application's `recover` command, if it has one, once its container runs. ToolFailed, TimedOut."""
        if not self.recover:
            return
        where = ("exec", "-n", namespace, self.members[0], "-c", self.container, "--")
        what = f"{self.members[0]}'s container"
        until(lambda: cluster.kubectl(*where, "true", within_s=30), waited_for=what, within_s=RECOVER_S)
        cluster.kubectl(*where, *self.recover, within_s=RECOVER_S)

    def require_data(self, filled: Iterable[str], existing: Collection[str]) -> None:
        """HarnessError unless each of its databases is among the `existing` ones, and among the `filled` ones.

        Without the application's own data a drill would compare only what drillproof wrote.
        """
        if missing := sorted(set(self.databases) - set(existing)):
            found = ", ".join(existing) or "none"
            raise HarnessError(f"{self.name} has no database {', '.join(missing)}; it has {found}")
        if empty := sorted(set(self.databases) - set(filled)):
            raise HarnessError(no_data(f"the database {', '.join(empty)} of {self.name} has no rows"))


def no_data(what: str) -> str:
    """The error for a store without the application's own data."""
    return (
        f"{what}, so the drill could not compare any data of the application; load some in the manifests, "
        "or with --after deploy=COMMAND"
    )


@dataclass(frozen=True)
class ExternalKind:
    """One store of an application file. Implements `harness.workloads.application.StoreKind`."""

    of: Callable[[ClusterAccess, str, Server, Mapping[str, str]], Datastore]  # its class; the secret has the `PASSWORD`
    server: Server
    secret_keys: tuple[str, ...] = (PASSWORD,)

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def members(self) -> tuple[str, ...]:
        return self.server.members

    def __call__(self, cluster: ClusterAccess, namespace: str, secret: Mapping[str, str], /) -> Datastore:
        return self.of(cluster, namespace, self.server, secret)
