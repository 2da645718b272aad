"""Which pods of a backup are databases, and what they cannot be without."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, name_of
from harness.core.model import Json

ANNOTATION = "drillproof.fingerprint"
"""On a pod: the path, in the database's container, of the fingerprint that a hook wrote before the backup."""

IMAGES = {
    "mysql": re.compile(r"mysql(-server)?|mariadb(-server)?|percona(-server)?"),
    "postgres": re.compile(r"postgres(ql)?|postgis|timescaledb(-ha)?|spilo.*"),
    "consul": re.compile(r"consul"),
}
"""What images are called, without registry, folder and tag, that hold a server of a kind."""

PROGRAMS = {"mysqld": "mysql", "mariadbd": "mysql", "mysqld_safe": "mysql", "postgres": "postgres", "consul": "consul"}
PORTS = {"mysql": 3306, "postgres": 5432, "consul": 8500}

_NAMED = re.compile(r"(?P<kind>[a-z]+)=(?P<namespace>[^/]+)/(?P<pod>[^/]+)(/(?P<container>[^/]+))?")


@dataclass(frozen=True)
class Database:
    """One database server: a container of a pod. Each is judged by itself."""

    kind: str
    namespace: str
    pod: str
    container: str
    why: str  # how we know
    fingerprint: str = ""  # the path of its fingerprint; "" where none was taken

    @property
    def key(self) -> str:
        """Names it in events and reports: `mysql shop/db-0`."""
        return f"{self.kind} {self.place}"

    @property
    def place(self) -> str:
        """The pod, as a backup's copies and claims name it: `shop/db-0`."""
        return f"{self.namespace}/{self.pod}"


def databases(pods: Iterable[Object], named: Sequence[str] = ()) -> tuple[Database, ...]:
    """Every database among the pods; `named` are more of them, as KIND=NAMESPACE/POD[/CONTAINER].

    Misconfigured if there is none: then nothing could be read back, and nothing proved.
    """
    listed = tuple(pods)
    found = {each.key: each for each in recognised(listed)}
    found |= {each.key: each for each in (_named(word, listed) for word in named)}
    if not found:
        seen = ", ".join(sorted(_address(pod) for pod in listed)[:5]) or "no pods"
        raise Misconfigured(
            f"no database was found among the pods of the backup ({seen}); name one with --database KIND=NAMESPACE/POD"
        )
    return tuple(found[key] for key in sorted(found))


def recognised(pods: Iterable[Object]) -> tuple[Database, ...]:
    """Every database that is recognised among the pods; there may be none."""
    return tuple(each for pod in pods for each in _of(pod))


def missing_secrets(pods: Iterable[Object], secrets: Collection[str]) -> tuple[str, ...]:
    """Every Secret that a pod cannot start without and that is not in the backup: `shop/db (for shop/db-0)`."""
    return tuple(
        dict.fromkeys(
            f"{text(pod, 'metadata', 'namespace')}/{name} (for {_address(pod)})"
            for pod in pods
            for name in secrets_of(pod)
            if f"{text(pod, 'metadata', 'namespace')}/{name}" not in secrets
        )
    )


def _of(pod: Object) -> Iterator[Database]:
    """The first of each kind: two of one kind would listen at the same port."""
    kinds: set[str] = set()
    for container in items(pod, "spec", "containers"):
        # The annotation speaks for one database alone.
        annotated = not kinds and bool(text(pod, "metadata", "annotations", ANNOTATION))
        seen = _seen(container, annotated=annotated)
        beside = bool(kinds) and "-server" not in _words(container)  # as an agent of Consul may stand beside any server
        if seen and seen[0] not in kinds and not (seen[0] == "consul" and beside):
            kinds.add(seen[0])
            yield _database(pod, text(container, "name"), *seen)


def _seen(container: Json, *, annotated: bool) -> tuple[str, str] | None:
    """The kind of server that a container runs, and how we know."""
    image = text(container, "image")
    name = image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0]
    words = [word.rsplit("/", 1)[-1] for word in _words(container)]
    ports = {at(port, "containerPort") for port in items(container, "ports")}
    for program, kind in PROGRAMS.items():
        if program in words[:1]:
            return kind, f"runs {program}"
    for kind, names in IMAGES.items():
        if not names.fullmatch(name):
            continue
        if PORTS[kind] in ports:
            return kind, f"image {image}, port {PORTS[kind]}"
        # A client has the image of its server, too, and a command of its own.
        if annotated or not items(container, "command"):
            return kind, f"image {image}{', has a fingerprint' if annotated else ''}"
    return None


def _words(container: Json) -> tuple[str, ...]:
    """What it runs, as far as its manifest says."""
    return tuple(map(str, (*items(container, "command"), *items(container, "args"))))


def _named(word: str, pods: Sequence[Object]) -> Database:
    parts = _NAMED.fullmatch(word)
    if not parts or parts["kind"] not in PORTS:
        raise Misconfigured(f"--database {word!r}: write KIND=NAMESPACE/POD, KIND one of {', '.join(PORTS)}")
    pod = next((pod for pod in pods if _address(pod) == f"{parts['namespace']}/{parts['pod']}"), None)
    if pod is None:
        known = ", ".join(sorted(map(_address, pods))[:10])
        raise Misconfigured(f"--database {word!r}: the backup has no such pod; it has {known or 'none'}")
    names = [text(container, "name") for container in items(pod, "spec", "containers")]
    container = parts["container"] or names[0]
    if container not in names:
        raise Misconfigured(f"--database {word!r}: the pod has no such container; it has {', '.join(names)}")
    return _database(pod, container, parts["kind"], "named by you")


def _database(pod: Object, container: str, kind: str, why: str) -> Database:
    return Database(
        kind,
        text(pod, "metadata", "namespace"),
        name_of(pod),
        container,
        why,
        text(pod, "metadata", "annotations", ANNOTATION),
    )


def secrets_of(pod: Object) -> Iterator[str]:
    """The Secrets without which a pod cannot start."""
    yield from _needed(pod, ("secret", "secretName"), "secretRef", "secretKeyRef")


def configs_of(pod: Object) -> Iterator[str]:
    """The ConfigMaps without which a pod cannot start."""
    yield from _needed(pod, ("configMap", "name"), "configMapRef", "configMapKeyRef")


def _needed(pod: Object, volume: tuple[str, str], of_all: str, of_key: str) -> Iterator[str]:
    kind, name_of = volume
    containers = [each for key in ("initContainers", "containers") for each in items(pod, "spec", key)]
    sources = [(at(each, kind), name_of) for each in items(pod, "spec", "volumes")]
    sources += [(at(each, of_all), "name") for one in containers for each in items(one, "envFrom")]
    sources += [(at(each, "valueFrom", of_key), "name") for one in containers for each in items(one, "env")]
    for source, key in sources:
        if at(source, "optional") is not True and (name := text(source, key)):
            yield name


def _address(pod: Object) -> str:
    return f"{text(pod, 'metadata', 'namespace')}/{text(pod, 'metadata', 'name')}"
