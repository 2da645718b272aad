"""Which pods of a backup are databases, and what they cannot be without."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.errors import Misconfigured
from harness.k8s import Object, at, items, text

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
        return f"{self.kind} {self.namespace}/{self.pod}"


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
    return tuple(each for each in map(_of, pods) if each)


def missing_secrets(pods: Iterable[Object], secrets: Collection[str]) -> tuple[str, ...]:
    """Every Secret that a pod cannot start without and that is not in the backup: `shop/db (for shop/db-0)`."""
    return tuple(
        dict.fromkeys(
            f"{text(pod, 'metadata', 'namespace')}/{name} (for {_address(pod)})"
            for pod in pods
            for name in _secrets(pod)
            if f"{text(pod, 'metadata', 'namespace')}/{name}" not in secrets
        )
    )


def _of(pod: Object) -> Database | None:
    for container in items(pod, "spec", "containers"):
        if seen := _seen(container, annotated=bool(text(pod, "metadata", "annotations", ANNOTATION))):
            return _database(pod, text(container, "name"), *seen)
    return None


def _seen(container: object, *, annotated: bool) -> tuple[str, str] | None:
    """The kind of server that a container runs, and how we know."""
    thing = container if isinstance(container, dict) else {}
    image = text(thing, "image")
    name = image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0]
    words = [str(word).rsplit("/", 1)[-1] for word in (*items(thing, "command"), *items(thing, "args"))]
    ports = {at(port, "containerPort") for port in items(thing, "ports")}
    for program, kind in PROGRAMS.items():
        if program in words[:1]:
            return kind, f"runs {program}"
    for kind, names in IMAGES.items():
        if not names.fullmatch(name):
            continue
        if PORTS[kind] in ports:
            return kind, f"image {image}, port {PORTS[kind]}"
        # A client has the image of its server, too, and a command of its own.
        if annotated or not items(thing, "command"):
            return kind, f"image {image}{', has a fingerprint' if annotated else ''}"
    return None


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
        text(pod, "metadata", "name"),
        container,
        why,
        text(pod, "metadata", "annotations", ANNOTATION),
    )


def _secrets(pod: Object) -> Iterator[str]:
    for volume in items(pod, "spec", "volumes"):
        if at(volume, "secret", "optional") is not True and (name := text(volume, "secret", "secretName")):
            yield name
    for kind in ("initContainers", "containers"):
        for container in items(pod, "spec", kind):
            for source in items(container, "envFrom"):
                if at(source, "secretRef", "optional") is not True and (name := text(source, "secretRef", "name")):
                    yield name
            for variable in items(container, "env"):
                ref = at(variable, "valueFrom", "secretKeyRef")
                if at(ref, "optional") is not True and (name := text(ref, "name")):
                    yield name


def _address(pod: Object) -> str:
    return f"{text(pod, 'metadata', 'namespace')}/{text(pod, 'metadata', 'name')}"
