"""Detects which pods are databases, and what a pod needs to start."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, address, containers, name_of, namespace_of
from harness.core.model import Json

ANNOTATION = "drillproof.fingerprint"
"""Annotation of a pod: the path, in the database's container, of the fingerprint that its hook writes."""

IMAGES = {
    "mysql": re.compile(r"mysql(-server)?|mariadb(-server)?|percona(-server)?"),
    "postgres": re.compile(r"postgres(ql)?|postgis|timescaledb(-ha)?|spilo.*"),
    "consul": re.compile(r"consul"),
}
"""Names of server images by kind, without registry, folder and tag."""

PROGRAMS = {"mysqld": "mysql", "mariadbd": "mysql", "mysqld_safe": "mysql", "postgres": "postgres", "consul": "consul"}
PORTS = {"mysql": 3306, "postgres": 5432, "consul": 8500}

_REFERENCES = {
    "Secret": ("secret", "secretName", "secretRef", "secretKeyRef"),
    "ConfigMap": ("configMap", "name", "configMapRef", "configMapKeyRef"),
}
"""How a pod's volumes, with their key of the name, its `envFrom` and its `env` refer to objects of a kind."""

_NAMED = re.compile(r"(?P<kind>[a-z]+)=(?P<namespace>[^/]+)/(?P<pod>[^/]+)(/(?P<container>[^/]+))?")


@dataclass(frozen=True)
class Database:
    """One database server: a container of a pod. Each is judged separately."""

    kind: str
    namespace: str
    pod: str
    container: str
    why: str  # how it was detected
    fingerprint: str = ""  # the path of its fingerprint; "" if it has none

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


def _of(pod: Object) -> Iterator[Database]:
    """The first of each kind: two of one kind would listen on the same port."""
    kinds: set[str] = set()
    for container in items(pod, "spec", "containers"):
        # The annotation is for one database only.
        annotated = not kinds and bool(text(pod, "metadata", "annotations", ANNOTATION))
        seen = _seen(container, annotated=annotated)
        sidecar = bool(kinds) and "-server" not in _words(container)  # an agent of Consul can be one of any server
        if seen and seen[0] not in kinds and not (seen[0] == "consul" and sidecar):
            kinds.add(seen[0])
            yield _database(pod, text(container, "name"), *seen)


def _seen(container: Json, *, annotated: bool) -> tuple[str, str] | None:
    """The kind of server that a container runs, and how it was detected."""
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
        # A client also has the image of its server, but its own command.
        if annotated or not items(container, "command"):
            return kind, f"image {image}{', has a fingerprint' if annotated else ''}"
    return None


def _words(container: Json) -> tuple[str, ...]:
    """The command line, as far as the manifest has it."""
    return tuple(map(str, (*items(container, "command"), *items(container, "args"))))


def _named(word: str, pods: Sequence[Object]) -> Database:
    parts = _NAMED.fullmatch(word)
    if not parts or parts["kind"] not in PORTS:
        raise Misconfigured(f"--database {word!r}: write KIND=NAMESPACE/POD with KIND one of {', '.join(PORTS)}")
    pod = next((pod for pod in pods if address(pod) == f"{parts['namespace']}/{parts['pod']}"), None)
    if pod is None:
        known = ", ".join(sorted(map(address, pods))[:10])
        raise Misconfigured(f"--database {word!r}: the backup does not have this pod; it has {known or 'none'}")
    names = [text(container, "name") for container in items(pod, "spec", "containers")]
    container = parts["container"] or names[0]
    if container not in names:
        raise Misconfigured(f"--database {word!r}: the pod does not have this container; it has {', '.join(names)}")
    return _database(pod, container, parts["kind"], "named by you")


def _database(pod: Object, container: str, kind: str, why: str) -> Database:
    return Database(
        kind,
        namespace_of(pod),
        name_of(pod),
        container,
        why,
        text(pod, "metadata", "annotations", ANNOTATION),
    )


def needed(pod: Object, kind: str) -> Iterator[str]:
    """The Secrets or ConfigMaps, whichever `kind` is, that a pod needs to start."""
    volume, name, of_all, of_key = _REFERENCES[kind]
    sources = [(at(each, volume), name) for each in items(pod, "spec", "volumes")]
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
