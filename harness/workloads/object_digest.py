"""Digests the objects of a namespace, without what the cluster itself writes.

A complete database behind a Service without endpoints, without its Secret, or behind a new NetworkPolicy is not
recovered. So everything that can be listed is compared, except by the rules in object_digest.toml.
"""

import contextlib
import hmac
import json
import re
import secrets
import tomllib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from harness.core.errors import TimedOut
from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import Object, RunsKubectl, name_of, objects
from harness.core.model import Json, Part
from harness.core.wait import NotYet, until

_RULES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))

EXCLUDED_KINDS: tuple[tuple[str, str], ...] = tuple(_RULES["kinds"].items())
"""Kinds that are not compared as they are, and why."""

EXCLUDED_OBJECTS: tuple[tuple[str, str], ...] = tuple(_RULES["objects"].items())
"""Objects that are not compared, and why."""

EVERY = "every object"

EXCLUDED_FIELDS: tuple[tuple[str, str, str], ...] = tuple(
    (kind, path, reason) for kind, paths in _RULES["fields"].items() for path, reason in paths.items()
)
"""(kind, kind and type, or `EVERY`; path; reason) of fields that are not compared."""

EXCLUDED: tuple[tuple[str, str], ...] = (
    *EXCLUDED_KINDS,
    *EXCLUDED_OBJECTS,
    *_RULES["made"].items(),
    *((f"{kind}: {path}", reason) for kind, path, reason in EXCLUDED_FIELDS),
)
"""All of that, and what is recognized by more than its name, as (what, reason)."""

_EXCLUDED = {(kind, path) for kind, path, _ in EXCLUDED_FIELDS}
_HEADLESS: tuple[Json, ...] = ("None", ["None"])
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_OF_ACCOUNT = re.compile(r".+-(token|dockercfg)-[a-z0-9]{5}")
_OF_CRONJOB = re.compile(r"(.+)-\d+")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")

# Of fields, only so many are recorded by themselves, or a large ConfigMap would fill the journal.
MOST_FIELDS, MOST_FIELDS_OF_ONE, LONGEST_PATH = 20_000, 64, 200

_KEY = secrets.token_bytes(32)
"""Never stored. Without this key the digests of Secrets in a journal cannot confirm a guessed password."""


def digest(kubectl: RunsKubectl, namespace: str, *, within_s: float = 0, storage_class: str = "") -> dict[str, Part]:
    """Every object of a namespace by kind and name (`service postgres`), and the endpoints of each Service.

    Waits `within_s` seconds for Services to have all of their pods as endpoints. With a `storage_class`, objects are
    digested as if they already used that one. Only digests of the same process are comparable: see `_KEY`.
    """
    return _parts(_read(kubectl, namespace, within_s, storage_class))


def recorded(
    kubectl: RunsKubectl,
    namespace: str,
    *,
    within_s: float = 0,
    storage_class: str = "",
    modified: Callable[[Object], Object] | None = None,
) -> dict[str, Json]:
    """`digest` as the journal records it, with a hash for each field of each object, by its path.

    Objects are digested as `modified` gives them. The number of fields is bounded: an object with more is hashed by
    larger pieces.
    """
    read = _read(kubectl, namespace, within_s, storage_class, modified)
    limit = min(MOST_FIELDS_OF_ONE, max(1, MOST_FIELDS // max(1, len(read))))
    return {
        "parts": {name: asdict(part) for name, part in _parts(read).items()},
        "fields": {name: _field_hashes(name, things, limit) for name, things in read.items() if things},
    }


def _parts(read: Mapping[str, list[Object]]) -> dict[str, Part]:
    return {name: Part(len(things), _hash(*sorted(map(_json, things)))) for name, things in read.items()}


def _field_hashes(name: str, things: Iterable[Object], limit: int) -> dict[str, Json]:
    found: dict[str, list[str]] = {}
    for thing in things:
        for path, value in fields(thing, limit):
            found.setdefault(path, []).append(_json(value))
    # With name and path: equal values, as of two Secrets, do not show that they are equal.
    return {path: _hash(name, path, *sorted(values))[:12] for path, values in found.items()}


def fields(thing: Object, limit: int) -> Iterator[tuple[str, Json]]:
    """At most `limit` paths in an object with their values; what has too many fields is one, from the top level on."""
    waiting: deque[tuple[str, Json]] = deque([("", thing)])
    given = 0
    while waiting:
        path, value = waiting.popleft()
        inner: list[tuple[str, Json]] = []
        if isinstance(value, Mapping):
            inner = [(_below(path, key), each) for key, each in value.items()]
        elif isinstance(value, list | tuple):
            inner = [(f"{path}[{number}]", each) for number, each in enumerate(value)]
        if inner and given + len(waiting) + len(inner) <= limit and max(len(each) for each, _ in inner) <= LONGEST_PATH:
            waiting.extend(inner)
        else:
            given += 1
            yield path, value


def _read(
    kubectl: RunsKubectl,
    namespace: str,
    within_s: float,
    storage_class: str,
    modified: Callable[[Object], Object] | None = None,
) -> dict[str, list[Object]]:
    """What is compared, by its name; a pod without a controller is only named."""
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
    cronjobs = {name_of(each) for each in _of(found, "CronJob")}
    targets = [mapping(each, "spec", "scaleTargetRef") for each in _of(found, "HorizontalPodAutoscaler")]
    scaled = {(text(target, "kind"), text(target, "name")) for target in targets}
    read: dict[str, list[Object]] = {}
    for thing in found:  # kinds of different groups can have the same name, and so can their objects
        if _name(thing) not in left_out and not _is_made(thing, cronjobs):
            wanted = modified(thing) if modified else thing
            kept = without_excluded(_normalized(wanted, namespace, storage_class), scaled)
            read.setdefault(_name(thing), []).append(kept)
    running = _running(kubectl, namespace)
    pods = (pod for pod in _of(running, "Pod") if not at(pod, "metadata", "ownerReferences") and not _is_done(pod))
    read |= {_name(pod): [] for pod in pods}
    groups = {name_of(pod): _group(pod) for pod in _of(running, "Pod")}
    for name, ready in _ready(running).items():
        read[f"endpoints {name}"] = [{groups.get(who, who): _json(ports)} for who, ports in ready]
    return read


def _is_made(thing: Object, cronjobs: Collection[str]) -> bool:
    """Whether a controller made it, or it has ended: see `made` in the rules."""
    kind, name = text(thing, "kind"), name_of(thing)
    if kind == "Secret":
        notes = mapping(thing, "metadata", "annotations")
        of_account = any("service-account" in note for note in notes)
        return of_account and text(thing, "type").startswith("kubernetes.io/") and bool(_OF_ACCOUNT.fullmatch(name))
    owners = items(thing, "metadata", "ownerReferences")
    made = any(at(owner, "controller") is True for owner in owners)
    scheduled = _OF_CRONJOB.fullmatch(name) if kind == "Job" else None
    made = made or (scheduled is not None and scheduled[1] in cronjobs)
    return kind in {"ReplicaSet", "Job"} and (made or _is_done(thing))


def _is_done(thing: Object) -> bool:
    return bool(text(thing, "status", "completionTime")) or text(thing, "status", "phase") in {"Succeeded", "Failed"}


def _group(pod: Object) -> str:
    """The name of a pod that a StatefulSet, or nobody, made; else of the controller that gave it a random one."""
    for owner in items(pod, "metadata", "ownerReferences"):
        if at(owner, "controller") is True and at(owner, "kind") != "StatefulSet":
            return text(owner, "name").removesuffix(f"-{text(pod, 'metadata', 'labels', 'pod-template-hash')}")
    return name_of(pod)


def without_excluded(thing: Object, scaled: Collection[tuple[str, str]] = ()) -> Object:
    """An object without excluded fields. `scaled` are kinds and names that an autoscaler scales."""
    kind = text(thing, "kind")
    rules = {EVERY, kind, f"{kind} {text(thing, 'type')}"}
    if (kind, name_of(thing)) in scaled:
        rules.add("autoscaled workload")
    if kind == "ServiceAccount":
        listed = items(thing, "imagePullSecrets")
        pull = [each for each in listed if not _OF_ACCOUNT.fullmatch(text(each, "name"))]
        thing = {**thing, "imagePullSecrets": pull}
    return mapping(_without(thing, rules, "", (*_HEADLESS, *_asked_ports(thing))))


def _asked_ports(service: Object) -> Iterator[Json]:
    """The node ports that the applied manifest of a Service asks for; Velero restores exactly these."""
    applied: Json = None
    with contextlib.suppress(ValueError):
        applied = json.loads(text(service, "metadata", "annotations", _APPLIED) or "null")
    asked = [at(applied, "spec", "healthCheckNodePort")]
    asked += [at(port, "nodePort") for port in items(applied, "spec", "ports")]
    yield from filter(None, asked)


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


def _without(thing: Json, rules: Collection[str], path: str, compared: Collection[Json]) -> Json:
    """`thing` at `path` without what `rules` exclude; in the specification, values that are `compared` stay."""
    if isinstance(thing, list | tuple):
        return [_without(each, rules, f"{path}[]", compared) for each in thing]
    if not isinstance(thing, Mapping):
        return thing
    kept: dict[str, Json] = {}
    for key, value in thing.items():
        below = _below(path, key)
        stays = below.startswith("spec.") and value in compared
        if not stays and any((rule, below) in _EXCLUDED for rule in rules):
            continue
        left = _without(value, rules, below, compared)
        # A map that is empty without the excluded fields, or an empty map of labels, means the same as none.
        if left != {} or (value == {} and path != "metadata"):
            kept[key] = left
    return kept


def _below(path: str, key: str) -> str:
    return f"{path}[{key}]" if not _PLAIN.fullmatch(key) else f"{path}.{key}" if path else key


def _json(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _hash(*texts: str) -> str:
    return hmac.digest(_KEY, json.dumps(texts).encode(), "sha256").hex()


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
