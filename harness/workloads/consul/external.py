"""Consul run by a user's own manifests: one server, or several voters.

drillproof adds only the ledger and its accounts, below `drillproof/`.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.errors import HarnessError
from harness.core.ports import Cluster, Dataset
from harness.workloads.consul.adapter import Consul
from harness.workloads.consul.server import Server
from harness.workloads.external import PASSWORD, no_data
from harness.workloads.external import Server as Described


class _Open(Server):
    """A server that is always open: only the built-in deployment is closed to clients until a restore."""

    def is_open(self) -> bool:
        return True


class ExternalConsul(Consul):
    """Implements `harness.core.ports.Datastore` for a user's servers."""

    server_class = _Open

    def __init__(self, cluster: Cluster, namespace: str, server: Described, secret: Mapping[str, str]) -> None:
        """`secret` has the management token, if there are ACLs."""
        self.name, self.members, self.port = server.name, server.members, server.port
        super().__init__(cluster, namespace, {"management-token": secret.get(PASSWORD, "")})
        self._described = server

    def seed(self, dataset: Dataset) -> None:  # noqa: ARG002 # the application has its own data
        """Add the accounts. HarnessError if the application has no keys."""
        with self._server(self.members[0]) as server:
            if next(server.pairs(), None) is None:
                raise HarnessError(no_data(f"{self.name} has no keys"))
        self.forget_writes()

    def recover(self) -> None:
        self._described.run_recover_command(self._cluster, self._namespace)
