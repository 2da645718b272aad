"""Detects which pods are databases, and what a pod needs to start."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.core.errors import Misconfigured
from harness.core.json import at, items, keys, text
from harness.core.kubernetes import Object, address, containers, name_of, namespace_of
from harness.core.model import Json
from harness.workloads import product
from harness.workloads.product import Sighting

ANNOTATION = "drillproof.fingerprint"
"""Annotation of a pod: the path, in the database's container, of the fingerprint that its hook writes."""

PORTS = {"mysql": 3306, "mariadb": 3306, "postgres": 5432, "consul": 8500}

_REFERENCES = {
    "Secret": ("secret", "secretName", "secretRef", "secretKeyRef"),
    "ConfigMap": ("configMap", "name", "configMapRef", "configMapKeyRef"),
}
"""How a pod's volumes, with their key of the name, its `envFrom` and its `env` refer to objects of a kind."""

_NAMED = re.compile(r"(?P<kind>[a-z]+)=(?P<namespace>[^/]+)/(?P<pod>[^/]+)(/(?P<container>[^/]+))?")


_NO_FILES = frozenset({"configMap", "secret", "downwardAPI", "projected"})
"""Volumes that keep nothing."""


@dataclass(frozen=True)
class Database:
    """One database server: a container of a pod. Each is judged separately."""

    kind: str
    namespace: str
    pod: str
    container: str
    why: str  # how it was detected
    fingerprint: str = ""  # the path of its fingerprint; "" if it has none
    product: str = ""  # MySQL, MariaDB, ...; "" if it was named by the user

    @property
    def key(self) -> str:
        """Its name in events and reports: `mysql shop/db-0`."""
        return f"{self.kind} {self.place}"

    @property
    def place(self) -> str:
        """The pod, as a backup's copies and claims name it: `shop/db-0`."""
        return f"{self.namespace}/{self.pod}"


def databases(pods: Iterable[Object], named: Sequence[str] = ()) -> tuple[Database, ...]:
    """Every database among the pods, detected or `named` as KIND=NAMESPACE/POD[/CONTAINER].

    Misconfigured if there is none: then nothing can be proved.
    """
    listed = tuple(pods)
    found = {each.key: each for each in detected(listed)}
    found |= {each.key: each for each in (_named(word, listed) for word in named)}
    if not found:
        seen = ", ".join(sorted(address(pod) for pod in listed)[:5]) or "no pods"
        raise Misconfigured(
            f"no database was detected among the backup's pods ({seen}); name one with --database KIND=NAMESPACE/POD"
        )
    return tuple(found[key] for key in sorted(found))


def detected(pods: Iterable[Object]) -> tuple[Database, ...]:
    """Every database that is detected among the pods; there may be none."""
    return tuple(each for pod in pods for each in _of(pod))


def missing_secrets(pods: Iterable[Object], secrets: Collection[str]) -> tuple[str, ...]:
    """Every Secret that a pod needs to start and that is not among `secrets`: `shop/db (for shop/db-0)`."""
    return tuple(
        dict.fromkeys(
            f"{secret} (for {address(pod)})"
            for pod in pods
            for secret in (f"{namespace_of(pod)}/{name}" for name in needed(pod, "Secret"))
            if secret not in secrets
        )
    )


def suspects(pods: Iterable[Object], databases: Iterable[Database] = ()) -> tuple[tuple[str, Sighting], ...]:
    """What looks like a database and is not one of `databases`: no verdict may be silent about it.

    Each with its pod, as `shop/db-0`. Databases that drillproof cannot read count only if they keep files on a claim.
    """
    judged = tuple(databases)

    def others(pod: Object) -> Iterator[Sighting]:
        known = [each for each in judged if each.place == address(pod)] or list(_of(pod))
        kinds, names = {each.kind for each in known}, {each.container for each in known}
        for each in _sightings(pod):
            if each.container not in names and not _is_agent(each, kinds):
                yield each

    return tuple((address(pod), each) for pod in pods for each in others(pod))


def unjudged(pods: Iterable[Object], databases: Iterable[Database]) -> dict[str, str]:
    """By pod, as `shop/db-0`: what looks like a database and is none of `databases`."""
    found: dict[str, list[str]] = {}
    for place, each in suspects(pods, databases):
        what = f"{'' if each.sure else 'perhaps '}{each.product} in container {each.container}: {each.why}"
        found.setdefault(place, []).append(what)
    return {place: "; ".join(each) for place, each in found.items()}


def _of(pod: Object) -> Iterator[Database]:
    """The first of each kind; `suspects` names the others."""
    kinds: set[str] = set()
    for each in _sightings(pod):
        if each.sure and each.kind and each.kind not in kinds and not _is_agent(each, kinds):
            kinds.add(each.kind)
            yield _database(pod, each.container, each.kind, each.why, each.product)


def _is_agent(each: Sighting, kinds: Collection[str]) -> bool:
    """Whether it is an agent of Consul beside a server of another kind."""
    return each.kind == "consul" and bool({*kinds} - {"consul"}) and not each.why.startswith("runs")


def _sightings(pod: Object) -> tuple[Sighting, ...]:
    """Every database of a pod, and what is perhaps one: beside a database, what else shows its signs is its helper."""
    sources = {
        text(each, "name"): next(iter(set(keys(each)) - {"name"}), "emptyDir") for each in items(pod, "spec", "volumes")
    }
    mounted = {text(each, "name") for one in containers(pod) for each in items(one, "volumeMounts")}
    volumes = {name: kind for name in mounted if (kind := sources.get(name, "")) not in _NO_FILES}
    volumes |= {name: kind for name, kind in sources.items() if kind == "persistentVolumeClaim"}
    annotated = bool(text(pod, "metadata", "annotations", ANNOTATION))
    found: list[Sighting] = []
    for container in servers(pod):
        # The annotation is for one database only.
        first = annotated and not any(each.sure for each in found)
        if each := product.seen(container, volumes, annotated=first):
            found.append(each)
    sure = {each.kind or each.product for each in found if each.sure}
    ends = text(pod, "spec", "restartPolicy") in {"Never", "OnFailure"}  # a Job's pod is a client
    kept = annotated or set(volumes.values()) - {"emptyDir"}  # without a volume it has nothing to lose

    def stands(each: Sighting) -> bool:
        helper = (each.kind or each.product) in sure or (sure and each.product == product.UNKNOWN)
        return bool(each.kind or kept) and (each.sure or not (ends or helper))

    return tuple(filter(stands, found))


def _named(word: str, pods: Sequence[Object]) -> Database:
    parts = _NAMED.fullmatch(word)
    if not parts or parts["kind"] not in PORTS:
        raise Misconfigured(f"--database {word!r}: write KIND=NAMESPACE/POD with KIND one of {', '.join(PORTS)}")
    pod = next((pod for pod in pods if address(pod) == f"{parts['namespace']}/{parts['pod']}"), None)
    if pod is None:
        known = ", ".join(sorted(map(address, pods))[:10])
        raise Misconfigured(f"--database {word!r}: the backup does not have this pod; it has {known or 'none'}")
    names = [text(container, "name") for container in servers(pod)]
    container = parts["container"] or names[0]
    if container not in names:
        raise Misconfigured(f"--database {word!r}: the pod does not have this container; it has {', '.join(names)}")
    return _database(pod, container, parts["kind"], "named by you")


def _database(pod: Object, container: str, kind: str, why: str, product_: str = "") -> Database:
    fingerprint = text(pod, "metadata", "annotations", ANNOTATION)
    return Database(kind, namespace_of(pod), name_of(pod), container, why, fingerprint, product_)


def servers(pod: Object) -> tuple[Json, ...]:
    """The containers that run as long as the pod: its own, then native sidecars."""
    sidecars = (each for each in items(pod, "spec", "initContainers") if text(each, "restartPolicy") == "Always")
    return (*items(pod, "spec", "containers"), *sidecars)


def needed(pod: Object, kind: str) -> Iterator[str]:
    """The Secrets or ConfigMaps, whichever `kind` is, that a pod needs to start."""
    volume, name, of_all, of_key = _REFERENCES[kind]
    sources = [(at(each, volume), name) for each in items(pod, "spec", "volumes")]
    projected = (each for one in items(pod, "spec", "volumes") for each in items(one, "projected", "sources"))
    sources += [(at(each, kind[0].lower() + kind[1:]), "name") for each in projected]
    sources += [(at(each, of_all), "name") for one in containers(pod) for each in items(one, "envFrom")]
    sources += [(at(each, "valueFrom", of_key), "name") for one in containers(pod) for each in items(one, "env")]
    for source, key in sources:
        if at(source, "optional") is not True and (found := text(source, key)):
            yield found


def images_of(pods: Iterable[Object]) -> dict[str, str]:
    """The full name of every image of these pods, with a pod that uses it."""
    return {full_name(text(container, "image")): address(pod) for pod in pods for container in containers(pod)}


def full_name(image: str) -> str:
    """`postgres` is short for `docker.io/library/postgres:latest`."""
    first, slash, _ = image.partition("/")
    has_host = slash and ("." in first or ":" in first or first == "localhost")
    name = image if has_host else f"docker.io/{image}" if slash else f"docker.io/library/{image}"
    return name if "@" in name or ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"
