"""The inventory of one end of a migration. Read-only."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.backups.velero_install import NAMESPACE
from harness.core.errors import Misconfigured, TimedOut, ToolFailed
from harness.core.json import at, integer, items, text
from harness.core.kubernetes import Object, RunsKubectl, condition, name_of, objects
from harness.workflows.migration.request import Place
from harness.workloads.object_digest import EXCLUDED_KINDS

CLUSTER = "kube-system"
"""A namespace of every cluster; its UID identifies the cluster."""

API = "velero.io"

OF_SOURCE = {"persistentvolumes": ""}
"""The kinds of the whole cluster that are read, with their API groups: where the volumes are."""

OF_TARGET = {
    "nodes": "",
    "pods": "",
    "storageclasses": "storage.k8s.io",
    "priorityclasses": "scheduling.k8s.io",
    "runtimeclasses": "node.k8s.io",
    "ingressclasses": "networking.k8s.io",
    "clusterroles": "rbac.authorization.k8s.io",
}
"""The same: for capacity, and for what a namespace needs outside of it."""

LOCATION = "default"
"""The name of the BackupStorageLocation that is used."""


@dataclass(frozen=True)
class Velero:
    """The Velero of one cluster; all values are empty if there is none."""

    version: str = ""
    ready: bool = False
    agents: int = 0  # ready ones
    agents_wanted: int = 0
    place: tuple[str, ...] = ()  # provider, bucket, prefix of its default location
    url: str = ""
    available: bool = False
    read_only: bool = False
    repository: str = ""  # a hash of the repository password; "" if there is none yet
    mapping: Mapping[str, str] | None = None  # of storage classes, if there is one


@dataclass(frozen=True)
class Inventory:
    """One cluster with the namespace, if that exists."""

    place: Place
    uid: str  # of the cluster
    kubernetes: str
    kinds: frozenset[str]  # that a namespace of it can hold: `Widget.example.org`
    namespace: Object | None
    things: tuple[Object, ...]  # everything in the namespace that is compared
    pods: tuple[Object, ...]  # in the namespace
    volumes: Mapping[str, Object]  # persistent ones, by name
    classes: Mapping[str, Object]  # of storage, by name
    outside: frozenset[str]  # the other objects of the cluster: `priorityclass high`
    nodes: tuple[Object, ...]
    placed: tuple[Object, ...]  # every pod of the cluster
    velero: Velero = field(default_factory=Velero)

    def of(self, kind: str) -> tuple[Object, ...]:
        """The objects of a kind in the namespace."""
        return tuple(thing for thing in self.things if text(thing, "kind") == kind)


def take_inventory(kubectl: RunsKubectl, place: Place, outside: Mapping[str, str]) -> Inventory:
    """Read one end, with the kinds `outside` of the namespace. Misconfigured if it does not answer, or refuses."""
    with reached(place):
        version = json.loads(kubectl("version", "--output=json"))
        kinds = dict(map(_kind, kubectl(*_KINDS).splitlines()))
        found = _named(kubectl, "namespaces", place.namespace)
        compared = sorted(kinds.keys() - {kind for kind, _ in EXCLUDED_KINDS})
        here = f"--namespace={place.namespace}"
        wide = objects(kubectl, ",".join(f"{kind}.{group}".rstrip(".") for kind, group in outside.items()), _EVERYWHERE)
        return Inventory(
            place=place,
            uid=cluster_uid(kubectl),
            kubernetes=text(version, "serverVersion", "gitVersion"),
            kinds=frozenset(kinds.values()),
            namespace=found,
            things=objects(kubectl, ",".join(compared), here) if found else (),
            pods=objects(kubectl, "pods", here) if found else (),
            volumes=_of(wide, "PersistentVolume"),
            classes=_of(wide, "StorageClass"),
            outside=frozenset(f"{text(thing, 'kind').lower()} {text(thing, 'metadata', 'name')}" for thing in wide),
            nodes=tuple(_of(wide, "Node").values()),
            placed=tuple(thing for thing in wide if text(thing, "kind") == "Pod"),
            velero=_velero(kubectl) if f"backups.{API}" in kinds else Velero(),
        )


def cluster_uid(kubectl: RunsKubectl) -> str:
    """What identifies a cluster, whatever its context is called; "" if it is not shown."""
    return text(_named(kubectl, "namespaces", CLUSTER), "metadata", "uid")


@contextlib.contextmanager
def reached(place: Place) -> Iterator[None]:
    """Misconfigured if the cluster does not answer in this block, or refuses."""
    try:
        yield
    except (ToolFailed, TimedOut) as error:
        said = error.tail if isinstance(error, ToolFailed) else str(error)
        raise Misconfigured(
            f"the context {place.context} cannot be read: {(said.splitlines() or ['no answer'])[-1]}"
        ) from error


def kind_of(thing: Object) -> str:
    """The kind of an object with its group: `Widget.example.org`, `Secret`."""
    group, slash, _ = text(thing, "apiVersion").partition("/")
    return f"{text(thing, 'kind')}.{group}" if slash else text(thing, "kind")


_EVERYWHERE = "--all-namespaces"
_KINDS = ("api-resources", "--namespaced", "--verbs=list", "--no-headers")


def _kind(line: str) -> tuple[str, str]:
    """A kind by its name for kubectl, and as `kind_of` names it, from the table that kubectl prints."""
    name, *_, version, _, kind = line.split()
    group, slash, _ = version.partition("/")
    return (f"{name}.{group}", f"{kind}.{group}") if slash else (name, kind)


def _of(things: tuple[Object, ...], kind: str) -> dict[str, Object]:
    return {name_of(thing): thing for thing in things if text(thing, "kind") == kind}


def _named(kubectl: RunsKubectl, kind: str, name: str, *where: str) -> Object | None:
    found = objects(kubectl, kind, f"--field-selector=metadata.name={name}", *where)
    return found[0] if found else None


def _velero(kubectl: RunsKubectl) -> Velero:
    here = f"--namespace={NAMESPACE}"
    found = objects(kubectl, "deployments,daemonsets,backupstoragelocations.velero.io", here)
    servers = [each for each in found if text(each, "kind") == "Deployment" and _image(each)]
    agents = [each for each in found if text(each, "kind") == "DaemonSet"]
    locations = [each for each in found if text(each, "kind") == "BackupStorageLocation"]
    location = next((each for each in locations if name_of(each) == LOCATION), None)
    mappings = objects(kubectl, "configmaps", here, "--selector=velero.io/change-storage-class")
    held = [at(each, "data") for each in mappings]
    spec = at(location, "spec")
    return Velero(
        version=_image(servers[0]).rpartition(":")[2] if servers else "",
        ready=bool(servers) and condition(servers[0], "Available") == "True",
        agents=sum(integer(each, "status", "numberReady") for each in agents),
        agents_wanted=sum(integer(each, "status", "desiredNumberScheduled") for each in agents),
        place=tuple(text(spec, *path) for path in _PLACE) if location else (),
        url=text(spec, "config", "s3Url"),
        available=text(location, "status", "phase") == "Available",
        read_only=text(spec, "accessMode") == "ReadOnly",
        repository=_password(kubectl),
        mapping={str(k): str(v) for each in held if isinstance(each, Mapping) for k, v in each.items()}
        if held
        else None,
    )


_PLACE = (("provider",), ("objectStorage", "bucket"), ("objectStorage", "prefix"))


def _image(deployment: Object) -> str:
    """The image of Velero's server; "" for any other deployment."""
    containers = items(deployment, "spec", "template", "spec", "containers")
    return next((text(each, "image") for each in containers if text(each, "name") == "velero"), "")


def _password(kubectl: RunsKubectl) -> str:
    secret = _named(kubectl, "secrets", "velero-repo-credentials", f"--namespace={NAMESPACE}")
    return hashlib.sha256(json.dumps(at(secret, "data"), sort_keys=True).encode()).hexdigest() if secret else ""
