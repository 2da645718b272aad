"""What an application would reach outside the one namespace that a cluster of others allows: each is refused.

There is no fence around such a cluster, and what is in production may be beside the drill, under the same names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from harness.core.errors import Misconfigured
from harness.core.json import items, text
from harness.core.kubernetes import Object, name_of
from harness.core.model import Json
from harness.workloads.application import Secrets

_ENTRANCES = re.compile(r"Ingress|IngressRoute|VirtualService|Gateway|Route|[A-Z]+Route")
"""Kinds that lead traffic into a namespace by a name or an address that is known outside."""

_OPEN = frozenset({"NodePort", "LoadBalancer"})
_VOLUMES = frozenset(
    {"name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "projected", "secret"}
    | {"persistentVolumeClaim"}
)
"""The volumes of pods that are the pod's or the namespace's own; of any other one the data lie elsewhere."""

_OF_NODES = ("hostNetwork", "hostPID", "hostIPC", "hostPort", "privileged")
_WORDS = frozenset({"annotations", "data", "labels", "matchLabels", "stringData"})
"""Below these is text, whatever its keys are called."""

_SERVICE = re.compile(r"[a-z0-9-]\.(?P<namespace>[a-z0-9][a-z0-9-]*)\.svc\b")
_API = "kubernetes.default.svc"


def stays(file: Path, objects: Iterable[Object], secrets: Secrets, namespace: str) -> None:
    """Return if what the manifests make stays in the namespace. Misconfigured names all that would not."""
    if found := tuple(dict.fromkeys(_reaches(objects, secrets, namespace))):
        raise Misconfigured(
            f"{file}: on a cluster that others use nothing may reach outside of the namespace {namespace}, and this "
            f"would: {'; '.join(found)}; leave it out of what is drilled there"
        )


def _reaches(objects: Iterable[Object], secrets: Secrets, namespace: str) -> Iterator[str]:
    for thing in objects:
        name = f"{text(thing, 'kind')} {text(thing, 'metadata', 'name')}"
        held = secrets.get(name_of(thing), {}) if text(thing, "kind") == "Secret" else {}
        yield from (f"{name} {how}" for how in _by(thing, json.dumps([thing, dict(held)]), namespace))


def _by(thing: Object, written: str, namespace: str) -> Iterator[str]:
    """How one object would, in words; `written` is all of its text."""
    kind = text(thing, "kind")
    if _ENTRANCES.fullmatch(kind):
        yield "takes traffic from outside"
    if kind == "Service" and (text(thing, "spec", "type") in _OPEN or items(thing, "spec", "externalIPs")):
        yield f"takes traffic from outside ({text(thing, 'spec', 'type') or 'externalIPs'})"
    for each in _tables(thing):
        if (other := each.get("namespace")) and isinstance(other, str) and other != namespace:
            yield f"names the namespace {other}"
        if "accessModes" in each and each.get("volumeName"):
            yield f"takes the volume {each['volumeName']}"
        yield from (f"has {word}" for word in _OF_NODES if each.get(word))
        if "containers" in each:
            yield from (f"mounts {sort}" for volume in items(each, "volumes") for sort in _elsewhere(volume))
    for found in _SERVICE.finditer(written.replace(_API, "")):
        if found["namespace"] != namespace:
            yield f"names a service of the namespace {found['namespace']}"


def _elsewhere(volume: Json) -> Iterator[str]:
    if isinstance(volume, Mapping):
        yield from sorted(key for key in volume.keys() - _VOLUMES if volume[key] is not None)


def _tables(thing: Json) -> Iterator[Mapping[str, Json]]:
    """Every table inside an object, itself first, but for those that hold text alone."""
    if isinstance(thing, Mapping):
        yield thing
        for key, value in thing.items():
            if key not in _WORDS:
                yield from _tables(value)
    elif isinstance(thing, list | tuple):
        for each in thing:
            yield from _tables(each)
