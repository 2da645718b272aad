"""The inventory of one end of a migration. Read-only."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.backups.velero_install import NAMESPACE
from harness.clusters.cluster_pin import NAMESPACE as CLUSTER
from harness.core.errors import HarnessError, Misconfigured, TimedOut, ToolFailed
from harness.core.json import at, integer, items, mapping, text
from harness.core.kubernetes import Object, RunsKubectl, condition, find, name_of, objects
from harness.workflows.migration.request import Place
from harness.workloads.object_digest import EXCLUDED_KINDS

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
    namespace: Object  # {} if it does not exist
    things: tuple[Object, ...]  # everything in the namespace that is compared
    pods: tuple[Object, ...]  # in the namespace
    outside: tuple[Object, ...]  # the objects of the whole cluster that matter
    velero: Velero = field(default_factory=Velero)

    def of(self, kind: str) -> tuple[Object, ...]:
        """The objects of a kind in the namespace."""
        return _of(self.things, kind)

    def outside_of(self, kind: str) -> tuple[Object, ...]:
        """The objects of a kind in the whole cluster."""
        return _of(self.outside, kind)


def take_inventory(kubectl: RunsKubectl, place: Place, outside: Mapping[str, str]) -> Inventory:
    """Read one end, with the kinds `outside` of the namespace. Misconfigured if it does not answer, or refuses."""
    with reached(place):
        version = json.loads(kubectl("version", "--output=json"))
        listed = kubectl("api-resources", "--namespaced", "--verbs=list", "--no-headers")
        kinds = dict(map(_kind, listed.splitlines()))
        found = find(kubectl, "namespaces", place.namespace)
        compared = sorted(kinds.keys() - {kind for kind, _ in EXCLUDED_KINDS})
        here = f"--namespace={place.namespace}"
        wide = ",".join(f"{kind}.{group}".rstrip(".") for kind, group in outside.items())
        return Inventory(
            place=place,
            uid=cluster_uid(kubectl),
            kubernetes=text(version, "serverVersion", "gitVersion"),
            kinds=frozenset(kinds.values()),
            namespace=found,
            things=objects(kubectl, ",".join(compared), here) if found else (),
            pods=objects(kubectl, "pods", here) if found else (),
            outside=objects(kubectl, wide, "--all-namespaces"),
            velero=_velero(kubectl) if f"backups.{API}" in kinds else Velero(),
        )


def cluster_uid(kubectl: RunsKubectl) -> str:
    """What identifies a cluster, whatever its context is called; "" if it is not shown."""
    return text(find(kubectl, "namespaces", CLUSTER), "metadata", "uid")


def last_line(error: HarnessError) -> str:
    """The last line that an error says, of a failed command the last that it printed."""
    said = error.tail if isinstance(error, ToolFailed) else str(error)
    return (said.splitlines() or ["no answer"])[-1]


@contextlib.contextmanager
def reached(place: Place) -> Iterator[None]:
    """Misconfigured if the cluster does not answer in this block, or refuses."""
    try:
        yield
    except (ToolFailed, TimedOut) as error:
        raise Misconfigured(f"the context {place.context} cannot be read: {last_line(error)}") from error


def kind_of(thing: Object) -> str:
    """The kind of an object with its group: `Widget.example.org`, `Secret`."""
    group, slash, _ = text(thing, "apiVersion").partition("/")
    return f"{text(thing, 'kind')}.{group}" if slash else text(thing, "kind")


def _kind(line: str) -> tuple[str, str]:
    """A kind by its name for kubectl, and as `kind_of` names it, from the table that kubectl prints."""
    name, *_, version, _, kind = line.split()
    group, slash, _ = version.partition("/")
    return (f"{name}.{group}", f"{kind}.{group}") if slash else (name, kind)


def _of(things: tuple[Object, ...], kind: str) -> tuple[Object, ...]:
    return tuple(thing for thing in things if text(thing, "kind") == kind)


def _velero(kubectl: RunsKubectl) -> Velero:
    here = f"--namespace={NAMESPACE}"
    found = objects(kubectl, "deployments,daemonsets,backupstoragelocations.velero.io", here)
    servers, agents = [each for each in _of(found, "Deployment") if _image(each)], _of(found, "DaemonSet")
    location = next((each for each in _of(found, "BackupStorageLocation") if name_of(each) == LOCATION), None)
    mappings = objects(kubectl, "configmaps", here, "--selector=velero.io/change-storage-class")
    spec = at(location, "spec")
    return Velero(
        version=_image(servers[0]).rpartition(":")[2] if servers else "",
        ready=bool(servers) and condition(servers[0], "Available") == "True",
        agents=sum(integer(each, "status", "numberReady") for each in agents),
        agents_wanted=sum(integer(each, "status", "desiredNumberScheduled") for each in agents),
        place=(text(spec, "provider"), text(spec, "objectStorage", "bucket"), text(spec, "objectStorage", "prefix")),
        url=text(spec, "config", "s3Url"),
        available=text(location, "status", "phase") == "Available",
        read_only=text(spec, "accessMode") == "ReadOnly",
        repository=_password(kubectl),
        mapping={key: str(to) for each in mappings for key, to in mapping(each, "data").items()} if mappings else None,
    )


def _image(deployment: Object) -> str:
    containers = items(deployment, "spec", "template", "spec", "containers")
    return next((text(each, "image") for each in containers if text(each, "name") == "velero"), "")


def _password(kubectl: RunsKubectl) -> str:
    secret = find(kubectl, "secrets", "velero-repo-credentials", NAMESPACE)
    return hashlib.sha256(json.dumps(at(secret, "data"), sort_keys=True).encode()).hexdigest() if secret else ""
