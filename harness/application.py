"""What is protected: an application with its stores. Ours is `harness.assembly.CUSTOS`; others have their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.ports import Cluster, Datastore, Service


class StoreKind(Protocol):
    """The class of a datastore; calling it makes one for a namespace of a cluster."""

    @property
    def name(self) -> str:
        """Its folder below the fixtures, and the label `app.kubernetes.io/name` of its pods."""

    @property
    def members(self) -> tuple[str, ...]:
        """The pods that hold its data."""

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of its Secret `<name>-credentials`, which is made anew for every cluster."""

    def __call__(self, cluster: Cluster, namespace: str, secret: Mapping[str, str], /) -> Datastore:
        """The datastore itself; `secret` is what the Secret holds."""


class ServiceKind(Protocol):
    """The class of a service; calling it makes one for a namespace of a cluster."""

    @property
    def name(self) -> str:
        """Its folder below the fixtures."""

    @property
    def store(self) -> str:
        """The store that it keeps everything in; without it, it is not deployed."""

    @property
    def pods(self) -> tuple[str, ...]:
        """The pods that it runs in."""

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of its Secret `<name>-credentials`, as for a store."""

    def __call__(self, cluster: Cluster, namespace: str, secret: Mapping[str, str], /) -> Service:
        """The service itself; `secret` is what the Secret holds."""


@dataclass(frozen=True)
class Application:
    """`fixtures` has a folder for each store: its `dataset.toml`, and an overlay of manifests for each strategy.

    A store of ours needs no `dataset.toml` of its own.
    """

    namespace: str
    fixtures: Path
    kinds: tuple[StoreKind, ...]
    left_out: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)  # by store: not compared, and why
    services: tuple[ServiceKind, ...] = ()
    images: tuple[str, ...] = ()  # those of versions.toml's `extras` that its pods need

    @property
    def stores(self) -> tuple[str, ...]:
        """The names of its stores, in the order in which they are named everywhere."""
        return tuple(kind.name for kind in self.kinds)

    def kind(self, store: str) -> StoreKind:
        """The class of a store by its name."""
        return next(kind for kind in self.kinds if kind.name == store)

    def on(self, stores: Collection[str]) -> tuple[ServiceKind, ...]:
        """The services that there are where only `stores` are deployed."""
        return tuple(service for service in self.services if service.store in stores)
