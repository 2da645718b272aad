"""What "equal" means for the objects of a namespace: each one's digest, without what the cluster itself writes.

A database that came back whole behind a Service that leads nowhere, without its Secret or behind a new
NetworkPolicy, did not come back. So everything that can be listed is compared, but what is left out below.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping

from harness.core.errors import TimedOut
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, RunsKubectl, name_of, objects
from harness.core.model import Json, Part
from harness.core.wait import NotYet, until

EXCLUDED_KINDS = (
    ("controllerrevisions.apps", "the history of a StatefulSet, made anew with it"),
    ("endpoints", "what the EndpointSlices say, in their older form"),
    ("endpointslices.discovery.k8s.io", "named anew; what is behind each Service is digested as `endpoints`"),
    ("events", "what happened, not what is"),
    ("events.events.k8s.io", "what happened, not what is"),
    ("leases.coordination.k8s.io", "who leads now"),
    ("pods", "what a controller makes is digested as that controller and judged by `health`; others: by name"),
    ("pods.metrics.k8s.io", "a measurement"),
)
"""Kinds that are not compared as they are, and why."""

EXCLUDED_OBJECTS = (("configmap kube-root-ca.crt", "the cluster's own, put into every namespace"),)
"""Objects that are not compared, and why."""

EXCLUDED_WORK = (
    ("replicasets and jobs that a controller made", "it names its maker by UID; the Deployment or CronJob is compared"),
    ("jobs and pods that are done", "they have done what they are for, and Velero brings none back"),
)
"""What comes and goes with work that is compared itself, or is over; and why."""

EXCLUDED_FIELDS = (
    ("", ("status",), "what is, not what was asked for; `health` judges it"),
    ("", ("metadata", "uid"), "new with every object"),
    ("", ("metadata", "resourceVersion"), "counts changes"),
    ("", ("metadata", "generation"), "counts changes"),
    ("", ("metadata", "creationTimestamp"), "when it was made"),
    ("", ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"), "kubectl's own memory"),
    ("", ("metadata", "labels", "velero.io/backup-name"), "written by the tool on what it restores"),
    ("", ("metadata", "labels", "velero.io/restore-name"), "written by the tool on what it restores"),
    ("Namespace", ("metadata", "name"), "the one that was asked for; a move may give it another name"),
    ("Namespace", ("metadata", "labels", "kubernetes.io/metadata.name"), "the same"),
    ("Service", ("spec", "clusterIP"), "an address is given anew; that there is none (headless) is compared"),
    ("Service", ("spec", "clusterIPs"), "the same"),
    ("PersistentVolumeClaim", ("spec", "volumeName"), "a new volume; `answers-from-restored` asks for that"),
    (
        "PersistentVolumeClaim",
        ("metadata", "annotations", "volume.kubernetes.io/selected-node"),
        "where its pod was put",
    ),
)
"""(kind, or "" for all; path; reason) of fields that are not compared."""

EXCLUDED = (
    *EXCLUDED_KINDS,
    *EXCLUDED_OBJECTS,
    *EXCLUDED_WORK,
    *((f"{kind or 'every object'}: {'.'.join(path)}", reason) for kind, path, reason in EXCLUDED_FIELDS),
    ("every object: its own namespace, where a field `namespace` names it", "the one that was asked for"),
)
"""All of that as (what, reason)."""

_EXCLUDED = {(kind, path) for kind, path, _ in EXCLUDED_FIELDS}
_HEADLESS: tuple[Json, ...] = ("None", ["None"])

_KEY = secrets.token_bytes(32)
"""Never written down. Digests of Secrets go into journals; without it nobody can tell a guessed password from them."""


def digest(kubectl: RunsKubectl, namespace: str, *, within_s: float = 0, storage_class: str = "") -> dict[str, Part]:
    """Every object of a namespace by kind and name (`service postgres`), and what each Service leads to.

    Services are given `within_s` seconds to lead to all of their pods; then they are digested as they are. With a
    `storage_class`, all is digested as it should be once it was moved to that one. Two digests can be compared only if
    the same process made both: see `_KEY`.
    """
    with contextlib.suppress(TimedOut):
        until(lambda: _settled(kubectl, namespace), waited_for="Services to lead to their pods", within_s=within_s)
    listed = kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    compared = set(listed) - {kind for kind, _ in EXCLUDED_KINDS}
    found = objects(kubectl, ",".join(sorted(compared)), f"--namespace={namespace}")
    found += objects(kubectl, "namespaces", f"--field-selector=metadata.name={namespace}")
    left_out = {name for name, _ in EXCLUDED_OBJECTS}
    kept = (thing for thing in found if not _is_passing(thing))
    told: dict[str, list[str]] = {}
    for thing in kept:  # two kinds of different groups may be called alike, and so may their objects be
        told.setdefault(_name(thing), []).append(canonical(_moved(thing, namespace, storage_class)))
    parts = {name: _part(sorted(lines)) for name, lines in told.items() if name not in left_out}
    running = _running(kubectl, namespace)
    pods = (pod for pod in _of(running, "Pod") if not at(pod, "metadata", "ownerReferences") and not _is_done(pod))
    parts |= {_name(pod): _part([]) for pod in pods}
    return parts | {f"endpoints {service}": _part(lines) for service, lines in _endpoints(running).items()}


def _is_passing(thing: Object) -> bool:
    """Whether it is of `EXCLUDED_WORK`."""
    owners = items(thing, "metadata", "ownerReferences")
    made = any(at(owner, "controller") is True for owner in owners)
    return text(thing, "kind") in {"ReplicaSet", "Job"} and (made or _is_done(thing))


def _is_done(thing: Object) -> bool:
    return bool(text(thing, "status", "completionTime")) or text(thing, "status", "phase") in {"Succeeded", "Failed"}


def canonical(thing: Object) -> str:
    """An object as the one text that it can be, without what is excluded."""
    return json.dumps(_without(thing, text(thing, "kind"), ()), sort_keys=True)


def _moved(thing: Object, namespace: str, storage_class: str) -> Object:
    """An object without the name of its own namespace, and with the storage class, if one is given, for each it names.

    An object that names any other namespace keeps that: after a move it may be the one that was left.
    """

    def told(key: str, value: Json) -> Json:
        if key == "namespace" and value == namespace:
            return ""
        if key == "storageClassName" and value and storage_class:
            return storage_class
        if isinstance(value, Mapping):
            return {name: told(name, each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [told("", each) for each in value]
        return value

    return {name: told(name, each) for name, each in thing.items()}


def _without(thing: Json, kind: str, path: tuple[str, ...]) -> Json:
    if not isinstance(thing, Mapping):
        return thing
    kept = {
        key: _without(value, kind, (*path, key))
        for key, value in thing.items()
        if value in _HEADLESS or not _EXCLUDED & {("", (*path, key)), (kind, (*path, key))}
    }
    # An empty map of labels or annotations says what an absent one says.
    return {key: value for key, value in kept.items() if path != ("metadata",) or value != {}}


def _settled(kubectl: RunsKubectl, namespace: str) -> None:
    """Return if every Service leads to all pods that it selects; NotYet. It follows their readiness by a moment."""
    running = _running(kubectl, namespace)
    ready = _ready(running)
    for service in _of(running, "Service"):
        selector, name = at(service, "spec", "selector"), name_of(service)
        if isinstance(selector, Mapping) and selector:
            shown = {who for who, _ in ready.get(name, ())}
            wanted = {name_of(pod) for pod in _of(running, "Pod") if _selects(selector, pod) and not _is_done(pod)}
            if missing := wanted - shown:
                raise NotYet(f"{name} does not lead to {', '.join(sorted(missing))}")


def _selects(selector: Mapping[str, Json], pod: Object) -> bool:
    return all(at(pod, "metadata", "labels", key) == value for key, value in selector.items())


def _running(kubectl: RunsKubectl, namespace: str) -> tuple[Object, ...]:
    return objects(kubectl, "services,pods,endpointslices.discovery.k8s.io", f"--namespace={namespace}")


def _endpoints(running: Iterable[Object]) -> dict[str, list[str]]:
    return {service: sorted(json.dumps(each) for each in ready) for service, ready in _ready(running).items()}


def _ready(running: Iterable[Object]) -> dict[str, list[tuple[str, Json]]]:
    """What stands ready behind each Service, and its ports: a pod, or an address that somebody wrote there."""
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


def _part(lines: list[str]) -> Part:
    return Part(len(lines), hmac.digest(_KEY, json.dumps(lines).encode(), "sha256").hex())
