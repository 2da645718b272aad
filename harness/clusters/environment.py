"""What a site stands on: a cluster that is made for the drill, or one that is there and not ours."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from harness.backups.object_store import ObjectStore
from harness.backups.velero import VeleroEngine
from harness.clusters.fence import PacketCounts
from harness.core.model import Json
from harness.core.ports import Cluster, Machines
from harness.workloads.deployment import Deployment


class EnvironmentCluster(Cluster, Protocol):
    """What a site asks of its cluster beside what a drill does."""

    @property
    def kubeconfig(self) -> Path:
        """By which users' hooks come to it, and to no other one."""

    @property
    def store(self) -> ObjectStore:
        """The object store; there only after `up`."""

    @property
    def machines(self) -> Machines:
        """What lies below it."""

    @property
    def beside(self) -> EnvironmentCluster:
        """A second cluster with the same object store; nothing is made yet."""

    def down(self, *, keep_store: bool = False) -> None:
        """Remove what was made, but for the object store if that is to be kept. May be called twice."""

    def release(self) -> None:
        """Leave it standing for whoever comes next."""

    def is_whole(self) -> bool:
        """Whether the next drill can begin with what the last one left here."""

    def escapes(self) -> PacketCounts | None:
        """What its fence stopped, and what got past it; None where there is no fence."""


class Environment(Protocol):
    """Where clusters come from: this machine (`clusters.local`) or a context (`workflows.drill.shared_cluster`)."""

    @property
    def kubectl(self) -> Path:
        """The program."""

    @property
    def fenced(self) -> bool:
        """Whether a fence is around its clusters."""

    def cluster(self, name: str) -> EnvironmentCluster:
        """The cluster of this name; nothing is made yet."""

    def backup_engine(self, cluster: EnvironmentCluster, uploader: str, run: str) -> VeleroEngine:
        """What takes the backups of a run."""

    def fitted(self, deployment: Deployment, cluster: EnvironmentCluster) -> Deployment:
        """A deployment as it has to be there."""

    def facts(self) -> dict[str, Json]:
        """What a report says of it all."""
