"""Refuses manifests that reach outside the one namespace that a shared cluster allows.

Such a cluster has no network isolation by default, and production may run next to the drill, under the same names.
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
"""Kinds that route traffic from outside into a namespace."""

_OPEN = frozenset({"NodePort", "LoadBalancer"})
_VOLUMES = frozenset(
    {"name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "projected", "secret"}
    | {"persistentVolumeClaim"}
)
"""Volumes that belong to the pod or the namespace; those of any other kind have their data elsewhere."""

_OF_NODES = ("hostNetwork", "hostPID", "hostIPC", "hostPort", "privileged")
_PLAIN_TEXT = frozenset({"annotations", "data", "labels", "matchLabels", "stringData"})
"""Fields whose keys are free text."""

_SERVICE = re.compile(r"[a-z0-9-]\.(?P<namespace>[a-z0-9][a-z0-9-]*)\.svc\b")
_API = "kubernetes.default.svc"


def require_isolation(file: Path, objects: Iterable[Object], secrets: Secrets, namespace: str) -> None:
    """Misconfigured, naming all of them, if objects reach outside the namespace."""
    if found := tuple(dict.fromkeys(_violations(objects, secrets, namespace))):
        raise Misconfigured(
            f"{file}: on a shared cluster nothing may reach outside the namespace {namespace}, but: "
            f"{'; '.join(found)}; remove these from the manifests for the drill"
        )


def _violations(objects: Iterable[Object], secrets: Secrets, namespace: str) -> Iterator[str]:
    for thing in objects:
        held = secrets.get(name_of(thing), {}) if text(thing, "kind") == "Secret" else {}
        written = json.dumps([thing, dict(held)])
        yield from (f"{text(thing, 'kind')} {name_of(thing)} {how}" for how in _of_object(thing, written, namespace))


def _of_object(thing: Object, written: str, namespace: str) -> Iterator[str]:
    """How one object reaches outside; `written` is all of its text."""
    kind = text(thing, "kind")
    if _ENTRANCES.fullmatch(kind):
        yield "takes traffic from outside"
    if kind == "Service" and (text(thing, "spec", "type") in _OPEN or items(thing, "spec", "externalIPs")):
        yield f"takes traffic from outside ({text(thing, 'spec', 'type') or 'externalIPs'})"
    for each in _mappings(thing):
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


def _mappings(thing: Json) -> Iterator[Mapping[str, Json]]:
    """Every mapping inside an object, itself first, without those of plain text."""
    if isinstance(thing, Mapping):
        yield thing
        for key, value in thing.items():
            if key not in _PLAIN_TEXT:
                yield from _mappings(value)
    elif isinstance(thing, list | tuple):
        for each in thing:
            yield from _mappings(each)
