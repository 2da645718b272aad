"""What a proof stands on: a cluster that is made for it, or namespaces of one that is there and not ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.backups.velero_backup import Recorded
from harness.clusters.environment import SiteCluster
from harness.core.model import Json
from harness.workflows.proof.proof import Restorer
from harness.workflows.proof.request import ProofOptions
from harness.workloads.detection import Database


class Engine(Restorer, Protocol):
    """A backup engine that tells what it did."""

    def collect(self, into: Path) -> None:
        """Write its records and logs below `into`; never raises for what cannot be had."""


@dataclass(frozen=True)
class Stand:
    """All that a proof needs beside the backup."""

    cluster: SiteCluster
    engine: Engine
    kubectl: Path
    namespace: str  # that users' hooks are told
    versions: dict[str, Json]  # what a report says of it all
    prepare: Callable[[], None] = lambda: None  # see `harness.workflows.proof.proof.Parts`
    afterwards: Callable[[], str] = lambda: ""  # the same
    secrets: frozenset[str] = frozenset()  # what must be in no file of a run
    more: Mapping[str, Json] = field(default_factory=dict)  # what run.json says beside what it says of any proof


class Ground(Protocol):
    """Where to stand."""

    def stand(
        self,
        options: ProofOptions,
        recorded: Recorded,
        databases: tuple[Database, ...],
        size: int,
        say: Callable[[str], None],
    ) -> Stand:
        """For a proof of a backup of `size` bytes. Misconfigured, and nothing is left, if it cannot be there."""
