"""What a drill protects: an application with its stores. `workloads.custos` has the built-in one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from harness.core.kubernetes import Object
from harness.core.model import Objectives
from harness.core.ports import ClusterAccess, Datastore, Service

Secrets = Mapping[str, Mapping[str, str]]
"""The content of Secrets, by name and key."""


Made_co = TypeVar("Made_co", covariant=True)


class Kind(Protocol[Made_co]):
    """The class of a datastore or service. Calling it creates that of one namespace of a cluster."""

    @property
    def name(self) -> str:
        """Its folder below the fixtures; of a store also the label `app.kubernetes.io/name` of its pods."""

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of its Secret `<name>-credentials`, whose values are generated for every cluster."""

    def __call__(self, cluster: ClusterAccess, namespace: str, secret: Mapping[str, str], /) -> Made_co:
        """`secret` is the content of the Secret."""


class StoreKind(Kind[Datastore], Protocol):
    @property
    def members(self) -> tuple[str, ...]:
        """The pods that hold its data."""


class ServiceKind(Kind[Service], Protocol):
    @property
    def store(self) -> str:
        """The store that it keeps its data in; without this store it is not deployed."""

    @property
    def pods(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class ManifestApplication:
    """The manifests of a user's application, and what a drill needs to know of them. They replace the fixtures."""

    name: str
    objects: tuple[Object, ...] = field(repr=False)
    strategy: str  # the name of the only one
    objectives: Objectives
    secrets: Secrets = field(repr=False)  # those among the objects
    generate: Mapping[str, Sequence[str]]  # by Secret: the keys whose values are generated for each drill
    passwords: Mapping[str, tuple[str, str]]  # by store: the Secret and the key
    given: Secrets  # by generated Secret: the values of keys that are not secret
    hidden: frozenset[str] = field(repr=False)  # values that must not be in the evidence
    images: Mapping[str, str]  # by every image of its pods: a pod that uses it
    by_entrypoint: Mapping[str, str]  # by image: a container that starts by what the image brings for that
    uncopied: Mapping[str, str]  # by store of which Velero copies nothing: its pods with the volumes that it could copy
    summary: tuple[str, ...]  # lines for people: what the drill does
    changes: tuple[str, ...]  # lines for people: how the deployed objects differ from the manifests
    not_drilled: tuple[str, ...] = ()  # pods, or `Kind name`: what is not judged on purpose
    first: tuple[Object, ...] = field(default=(), repr=False)  # installed before: definitions of kinds, operators
    file: Path = Path()  # that describes it
    contents: Mapping[str, str] = field(default_factory=dict)  # by object and store: a digest of what is deployed

    def credentials(self, generated: Secrets) -> Secrets:
        """The password of each store, by the store's name."""
        secrets = {**self.secrets, **generated}
        return {store: {"password": secrets[secret][key]} for store, (secret, key) in self.passwords.items()}

    def to_deploy(self, generated: Secrets) -> tuple[Object, ...]:
        """All objects, the `generated` Secrets first."""
        secrets: list[Object] = [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name},
                "stringData": {**self.given.get(name, {}), **values},
            }
            for name, values in generated.items()
        ]
        return (*secrets, *self.objects)


@dataclass(frozen=True)
class Application:
    """`fixtures` has a folder for each store: its `dataset.toml`, and an overlay of manifests for each strategy.

    A built-in store needs no `dataset.toml`.
    """

    namespace: str
    fixtures: Path
    kinds: tuple[StoreKind, ...]
    exclusions: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)  # by store: not compared, and why
    by_manifests: ManifestApplication | None = None  # used in place of the fixtures
    services: tuple[ServiceKind, ...] = ()
    images: tuple[str, ...] = ()  # those of versions.toml's `extras` that its pods need
    original: str = ""  # its namespace in the user's cluster, by which a definition of a backup knows it

    @property
    def stores(self) -> tuple[str, ...]:
        """The names of its stores, in the order used everywhere."""
        return tuple(kind.name for kind in self.kinds)

    def kind(self, store: str) -> StoreKind:
        return next(kind for kind in self.kinds if kind.name == store)

    def extras(self, stores: Collection[str]) -> tuple[str, ...]:
        """The images that its pods need for these `stores`, besides those of every drill; services bring theirs."""
        return self.images if self.on(stores) or not self.services else ()

    def on(self, stores: Collection[str]) -> tuple[ServiceKind, ...]:
        """The services that can run with only these `stores`."""
        return tuple(service for service in self.services if service.store in stores)
