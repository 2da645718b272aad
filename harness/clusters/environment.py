"""Where a run happens: clusters created for it, or an existing cluster that is shared with others."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from harness.backups.object_store import ObjectStore
from harness.backups.velero import VeleroEngine
from harness.clusters.network import PacketCounts
from harness.core.model import Json
from harness.core.ports import Cluster, Machines
from harness.workloads.deployment import Deployment


class EnvironmentCluster(Cluster, Protocol):
    """What a run's environment needs of a cluster, in addition to what a drill does."""

    @property
    def kubeconfig(self) -> Path:
        """Leads users' hooks to this cluster only."""

    @property
    def store(self) -> ObjectStore: ...

    @property
    def machines(self) -> Machines: ...

    @property
    def second(self) -> EnvironmentCluster:
        """A second cluster with the same object store; not created yet."""

    def down(self, *, keep_store: bool = False) -> None:
        """Remove what was created, except the object store if that is to be kept. May be called twice."""

    def release(self) -> None:
        """Unlock it and leave it running."""

    def is_reusable(self) -> bool:
        """Whether the next drill can use it as it is."""

    def packet_counts(self) -> PacketCounts | None:
        """What network isolation blocked, and what escaped; None without network isolation."""


class Environment(Protocol):
    """Provides clusters: on this machine (`clusters.local`) or by a context (`workflows.drill.shared_cluster`)."""

    @property
    def kubectl(self) -> Path: ...

    @property
    def isolated(self) -> bool:
        """Whether its clusters have network isolation."""

    def cluster(self, name: str) -> EnvironmentCluster:
        """The cluster of this name; not created yet."""

    def backup_engine(self, cluster: EnvironmentCluster, uploader: str, run: str) -> VeleroEngine: ...

    def adapt(self, deployment: Deployment, cluster: EnvironmentCluster) -> Deployment:
        """The deployment as this cluster needs it."""

    def facts(self) -> dict[str, Json]: ...
