"""A Consul that somebody else's manifests run: one server, or as many as vote.

Only the ledger and its accounts are put into it, below `drillproof/`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from harness.core.errors import HarnessError
from harness.core.ports import Cluster, Dataset
from harness.workloads.consul.adapter import Consul
from harness.workloads.consul.server import READ_S, Server
from harness.workloads.external import PASSWORD
from harness.workloads.external import Server as Described


class _Open(Server):
    """A server that nothing keeps from its clients until a restore is over: only ours have such a gate."""

    def is_open(self) -> bool:
        """Always."""
        return True


class ExternalConsul(Consul):
    """Implements `harness.core.ports.Datastore` for the servers of an application's own."""

    def __init__(self, cluster: Cluster, namespace: str, server: Described, secret: Mapping[str, str]) -> None:
        """`secret` has the management token; none where there are no ACLs."""
        self.name, self.members = server.name, server.members
        super().__init__(cluster, namespace, {"management-token": secret.get(PASSWORD, "")})
        self._described = server

    @contextlib.contextmanager
    def _server(self, member: str, within_s: float = READ_S, consistency: str = "stale") -> Iterator[Server]:
        with (
            self._cluster.forward(self._namespace, member, self._described.port) as address,
            contextlib.closing(
                _Open(member, address, self._token, within_s=within_s, consistency=consistency)
            ) as server,
        ):
            yield server

    def seed(self, dataset: Dataset) -> None:  # noqa: ARG002 # the application's data are its own
        """Add the accounts. HarnessError where the application's own keys are not there."""
        with self._server(self.members[0]) as server:
            if next(server.pairs(), None) is None:
                raise HarnessError(
                    f"{self.name} holds no key, so nothing of the application's own could be compared; let its "
                    "manifests load some, or do it with --after deploy=COMMAND"
                )
        self.forget_writes()

    def recover(self) -> None:
        """What the application's file names for it; nothing, if it comes back by itself."""
        self._described.run_recover_command(self._cluster, self._namespace)
