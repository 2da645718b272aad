"""Digests the objects of a namespace, without what the cluster itself writes.

A complete database behind a Service without endpoints, without its Secret, or behind a new NetworkPolicy is not
recovered. So everything that can be listed is compared, except the exclusions below.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping

from harness.core.errors import TimedOut
from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import Object, RunsKubectl, name_of, objects
from harness.core.model import Json, Part
from harness.core.wait import NotYet, until

EXCLUDED_KINDS = (
    ("controllerrevisions.apps", "the history of a StatefulSet, created with it"),
    ("endpoints", "the older form of EndpointSlices"),
    ("endpointslices.discovery.k8s.io", "get new names; the pods of each Service are compared as `endpoints`"),
    ("events", "what happened, not what is"),
    ("events.events.k8s.io", "what happened, not what is"),
    ("leases.coordination.k8s.io", "who leads now"),
    ("pods", "those of a controller are compared as the controller, and by `health`; others by name"),
    ("pods.metrics.k8s.io", "a measurement"),
)
"""Kinds that are not compared as they are, and why."""

EXCLUDED_OBJECTS = (("configmap kube-root-ca.crt", "the cluster creates it in every namespace"),)
"""Objects that are not compared, and why."""

EXCLUDED_WORK = (
    ("replicasets and jobs of a controller", "they have the UID of their controller, which is compared instead"),
    ("completed jobs and pods", "Velero restores none of them"),
)
"""Objects of a controller that is compared itself, and completed ones; and why."""

EXCLUDED_FIELDS = (
    ("", ("status",), "the state, not the specification; `health` checks it"),
    ("", ("metadata", "uid"), "new with every object"),
    ("", ("metadata", "resourceVersion"), "counts changes"),
    ("", ("metadata", "generation"), "counts changes"),
    ("", ("metadata", "creationTimestamp"), "when it was created"),
    ("", ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"), "kubectl's own record"),
    ("", ("metadata", "labels", "velero.io/backup-name"), "written by Velero on restored objects"),
    ("", ("metadata", "labels", "velero.io/restore-name"), "written by Velero on restored objects"),
    ("Namespace", ("metadata", "name"), "the requested one; a migration can change it"),
    ("Namespace", ("metadata", "labels", "kubernetes.io/metadata.name"), "the same"),
    ("Service", ("spec", "clusterIP"), "a new address; that it has none (headless) is compared"),
    ("Service", ("spec", "clusterIPs"), "the same"),
    ("PersistentVolumeClaim", ("spec", "volumeName"), "a new volume, as `answers-from-restored` requires"),
    (
        "PersistentVolumeClaim",
        ("metadata", "annotations", "volume.kubernetes.io/selected-node"),
        "the node of its pod",
    ),
)
"""(kind, or "" for all; path; reason) of fields that are not compared."""

EXCLUDED = (
    *EXCLUDED_KINDS,
    *EXCLUDED_OBJECTS,
    *EXCLUDED_WORK,
    *((f"{kind or 'every object'}: {'.'.join(path)}", reason) for kind, path, reason in EXCLUDED_FIELDS),
    ("every object: its own namespace in fields `namespace`", "the requested one"),
)
"""All of that as (what, reason)."""

_EXCLUDED = {(kind, path) for kind, path, _ in EXCLUDED_FIELDS}
_HEADLESS: tuple[Json, ...] = ("None", ["None"])

_KEY = secrets.token_bytes(32)
"""Never stored. Without this key the digests of Secrets in a journal cannot confirm a guessed password."""


def digest(kubectl: RunsKubectl, namespace: str, *, within_s: float = 0, storage_class: str = "") -> dict[str, Part]:
    """Every object of a namespace by kind and name (`service postgres`), and the endpoints of each Service.

    Waits `within_s` seconds for Services to have all of their pods as endpoints. With a `storage_class`, objects are
    digested as if they already used that one. Only digests of the same process are comparable: see `_KEY`.
    """
    with contextlib.suppress(TimedOut):
        until(
            lambda: _require_endpoints(_running(kubectl, namespace)),
            waited_for="Services to have their endpoints",
            within_s=within_s,
        )
    listed = kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    compared = set(listed) - {kind for kind, _ in EXCLUDED_KINDS}
    found = objects(kubectl, ",".join(sorted(compared)), f"--namespace={namespace}")
    found += objects(kubectl, "namespaces", f"--field-selector=metadata.name={namespace}")
    left_out = {name for name, _ in EXCLUDED_OBJECTS}
    lines: dict[str, list[str]] = {}
    for thing in found:  # kinds of different groups can have the same name, and so can their objects
        if _name(thing) not in left_out and not _is_excluded(thing):
            lines.setdefault(_name(thing), []).append(canonical(_normalized(thing, namespace, storage_class)))
    running = _running(kubectl, namespace)
    pods = (pod for pod in _of(running, "Pod") if not at(pod, "metadata", "ownerReferences") and not _is_done(pod))
    lines |= {_name(pod): [] for pod in pods}
    lines |= {f"endpoints {name}": [json.dumps(each) for each in ready] for name, ready in _ready(running).items()}
    return {
        name: Part(len(written), hmac.digest(_KEY, json.dumps(sorted(written)).encode(), "sha256").hex())
        for name, written in lines.items()
    }


def _is_excluded(thing: Object) -> bool:
    """Whether it is in `EXCLUDED_WORK`."""
    owners = items(thing, "metadata", "ownerReferences")
    made = any(at(owner, "controller") is True for owner in owners)
    return text(thing, "kind") in {"ReplicaSet", "Job"} and (made or _is_done(thing))


def _is_done(thing: Object) -> bool:
    return bool(text(thing, "status", "completionTime")) or text(thing, "status", "phase") in {"Succeeded", "Failed"}


def canonical(thing: Object) -> str:
    """An object without excluded fields, as canonical JSON."""
    return json.dumps(_without(thing, text(thing, "kind"), ()), sort_keys=True)


def _normalized(thing: Object, namespace: str, storage_class: str) -> Object:
    """An object without the name of its own namespace, and with the given storage class in place of its own.

    The name of any other namespace stays: after a migration it can be that of the source.
    """

    def normalized(key: str, value: Json) -> Json:
        if key == "namespace" and value == namespace:
            return ""
        if key == "storageClassName" and value and storage_class:
            return storage_class
        if isinstance(value, Mapping):
            return {name: normalized(name, each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [normalized("", each) for each in value]
        return value

    return {name: normalized(name, each) for name, each in thing.items()}


def _without(thing: Json, kind: str, path: tuple[str, ...]) -> Json:
    if not isinstance(thing, Mapping):
        return thing
    kept = {
        key: _without(value, kind, (*path, key))
        for key, value in thing.items()
        if value in _HEADLESS or not _EXCLUDED & {("", (*path, key)), (kind, (*path, key))}
    }
    # An empty map of labels or annotations means the same as none.
    return {key: value for key, value in kept.items() if path != ("metadata",) or value != {}}


def _require_endpoints(running: Iterable[Object]) -> None:
    """NotYet unless every Service has all selected pods as endpoints, which takes a moment after they are ready."""
    ready = _ready(running)
    for service in _of(running, "Service"):
        selector, name = at(service, "spec", "selector"), name_of(service)
        if isinstance(selector, Mapping) and selector:
            shown = {who for who, _ in ready.get(name, ())}
            pods = (pod for pod in _of(running, "Pod") if not _is_done(pod))
            wanted = {name_of(pod) for pod in pods if selector.items() <= mapping(pod, "metadata", "labels").items()}
            if missing := wanted - shown:
                raise NotYet(f"{name} lacks the endpoints {', '.join(sorted(missing))}")


def _running(kubectl: RunsKubectl, namespace: str) -> tuple[Object, ...]:
    return objects(kubectl, "services,pods,endpointslices.discovery.k8s.io", f"--namespace={namespace}")


def _ready(running: Iterable[Object]) -> dict[str, list[tuple[str, Json]]]:
    """The ready endpoints of each Service with their ports: a pod, or an address written by hand."""
    ready: dict[str, list[tuple[str, Json]]] = {}
    for each in _of(running, "EndpointSlice"):
        behind = ready.setdefault(text(each, "metadata", "labels", "kubernetes.io/service-name"), [])
        for endpoint in items(each, "endpoints"):
            if at(endpoint, "conditions", "ready") is True:
                who = text(endpoint, "targetRef", "name") or ", ".join(map(str, items(endpoint, "addresses")))
                behind.append((who, sorted(json.dumps(port, sort_keys=True) for port in items(each, "ports"))))
    return ready


def _of(things: Iterable[Object], kind: str) -> list[Object]:
    return [thing for thing in things if text(thing, "kind") == kind]


def _name(thing: Object) -> str:
    if text(thing, "kind") == "Namespace":
        return "namespace"
    return f"{text(thing, 'kind').lower()} {text(thing, 'metadata', 'name')}"
