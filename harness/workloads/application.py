"""What is protected: an application with its stores. Ours is `workloads.custos.CUSTOS`; others have their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.core.kubernetes import Object
from harness.core.model import Objectives
from harness.core.ports import Cluster, Datastore, Service

Secrets = Mapping[str, Mapping[str, str]]
"""What Secrets hold, by their names and keys."""


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
class Brought:
    """What an application of the user's brings in place of fixtures: manifests that do all of it themselves."""

    name: str
    objects: tuple[Object, ...] = field(repr=False)
    strategy: str  # the one that they have, in a word
    objectives: Objectives
    secrets: Secrets = field(repr=False)  # those among the objects
    generate: Mapping[str, Sequence[str]]  # the keys of those that are made anew for each drill
    passwords: Mapping[str, tuple[str, str]]  # by store: the Secret and the key
    hidden: frozenset[str] = field(repr=False)  # what must be in no evidence
    images: Mapping[str, str]  # by every image that its pods ask for, a pod that does
    told: tuple[str, ...]  # what is going to be drilled, in words
    changed: tuple[str, ...]  # what is deployed otherwise than the manifests say, in words

    def credentials(self, fresh: Secrets) -> Secrets:
        """What each store is handed, by its name; `fresh` are the Secrets that were made anew."""
        there = {**self.secrets, **fresh}
        return {store: {"password": there[secret][key]} for store, (secret, key) in self.passwords.items()}

    def deployed(self, fresh: Secrets) -> tuple[Object, ...]:
        """All objects, the `fresh` Secrets before the others."""
        made: list[Object] = [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": dict(values)}
            for name, values in fresh.items()
        ]
        return (*made, *self.objects)


@dataclass(frozen=True)
class Application:
    """`fixtures` has a folder for each store: its `dataset.toml`, and an overlay of manifests for each strategy.

    A store of ours needs no `dataset.toml` of its own.
    """

    namespace: str
    fixtures: Path
    kinds: tuple[StoreKind, ...]
    left_out: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)  # by store: not compared, and why
    brought: Brought | None = None  # then nothing of the fixtures is used
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
