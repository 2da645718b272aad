"""Refuses manifests that reach outside the one namespace that a shared cluster allows.

Such a cluster has no network isolation by default, and production may run next to the drill, under the same names.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, name_of
from harness.core.model import Json
from harness.workloads.application import Secrets

_ENTRANCES = re.compile(r"Ingress|IngressRoute|VirtualService|Gateway|Route|[A-Z]+Route")
"""Kinds that route traffic from outside into a namespace."""

_OPEN = frozenset({"NodePort", "LoadBalancer"})
_VOLUMES = frozenset(
    {"configMap", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
"""Volumes that belong to the pod or the namespace; those of any other kind have their data elsewhere."""

_OF_NODES = ("hostNetwork", "hostPID", "hostIPC", "hostPort", "privileged")
_HANDLERS = ("httpGet", "tcpSocket")
"""What the kubelet does for a probe or a lifecycle hook, from the node."""

_PLAIN_TEXT = frozenset({"annotations", "data", "labels", "matchLabels", "stringData"})
"""Fields whose keys are free text."""

_SERVICE = re.compile(r"[a-z0-9-]\.(?P<namespace>[a-z0-9][a-z0-9-]*)\.svc\b")
_API = "kubernetes.default.svc"


def reach_beyond(thing: Json) -> Iterator[str]:
    """How pods that an object is, or makes, use the node or the kubelet to reach beyond their namespace.

    The kubelet mounts volumes and runs probes, so no NetworkPolicy stops these.
    """
    for each in _mappings(thing):
        yield from (f"has {word}" for word in _OF_NODES if each.get(word))
        if "accessModes" in each and each.get("volumeName"):
            yield f"takes the volume {each['volumeName']}"
        yield from (f"has {key} to the host {host}" for key in _HANDLERS if (host := text(each, key, "host")))
        if "containers" in each:
            yield from (f"mounts {kind}" for volume in items(each, "volumes") for kind in _elsewhere(volume))


def require_isolation(file: Path, objects: Iterable[Object], secrets: Secrets, namespace: str) -> None:
    """Misconfigured, naming all of them, if objects reach outside the namespace."""
    found = [
        f"{text(thing, 'kind')} {name_of(thing)} {how}"
        for thing in objects
        for how in _violations(thing, secrets, namespace)
    ]
    if found:
        raise Misconfigured(
            f"{file}: on a shared cluster nothing may reach outside the namespace {namespace}, but: "
            f"{'; '.join(dict.fromkeys(found))}; remove these from the manifests for the drill"
        )


def _violations(thing: Object, secrets: Secrets, namespace: str) -> Iterator[str]:
    kind = text(thing, "kind")
    # A Secret's own data are base64.
    written = json.dumps([thing, dict(secrets.get(name_of(thing), {})) if kind == "Secret" else {}])
    if _ENTRANCES.fullmatch(kind):
        yield "takes traffic from outside"
    if kind == "Service" and (text(thing, "spec", "type") in _OPEN or items(thing, "spec", "externalIPs")):
        yield f"takes traffic from outside ({text(thing, 'spec', 'type') or 'externalIPs'})"
    for each in _mappings(thing):
        if (other := each.get("namespace")) and isinstance(other, str) and other != namespace:
            yield f"names the namespace {other}"
    yield from reach_beyond(thing)
    for found in _SERVICE.finditer(written.replace(_API, "")):
        if found["namespace"] != namespace:
            yield f"names a service of the namespace {found['namespace']}"


def _elsewhere(volume: Json) -> Iterator[str]:
    if not isinstance(volume, Mapping):
        return
    kinds = {key for key in volume.keys() - {"name"} if volume[key] is not None}
    yield from (f"{kind} as the volume {text(volume, 'name')}" for kind in sorted(kinds - _VOLUMES))
    if "ephemeral" in kinds:
        claim = at(volume, "ephemeral", "volumeClaimTemplate", "spec")
        if not isinstance(claim, Mapping):
            yield f"ephemeral as the volume {text(volume, 'name')} without a claim template"
        elif claim.get("volumeName"):
            yield f"the existing volume {claim['volumeName']} as the volume {text(volume, 'name')}"


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
