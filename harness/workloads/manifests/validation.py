"""What keeps one object from being drilled, as far as its manifest shows it."""

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from harness.core.json import at, items, mapping, text
from harness.core.kubernetes import Object, containers, name_of, namespace_of
from harness.core.model import Json
from harness.core.resources import fixtures
from harness.workloads.manifests import inventory, velero_annotations

MAX_REPLICAS = 100
"""Pods of one controller. A node takes 110."""

_RESERVED = re.compile(r"default|kube-.*|velero")
"""Namespaces that Kubernetes or drillproof needs: a drill deletes its own."""

_LONGEST = {"StatefulSet": 52, "CronJob": 52, "Service": 63, "Job": 63, "Deployment": 63, "Namespace": 63}
"""Characters of a name; pods of a StatefulSet get a label with its name and 11 more."""

_ENCRYPTED = re.compile(r"ENC\[AES256_GCM,|<path:|vault:|ref\+\w+:|\$\{\w+\}$")
"""Begins the values of Secrets that SOPS, Argo CD, Vault, vals or envsubst replace before they are deployed."""

_WITH_PODS = frozenset({"CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "StatefulSet"})
_TEXT = ("labels", "annotations", "matchLabels")


@dataclass(frozen=True)
class Problem:
    """Why an object cannot be drilled; `foreign` if it could be left out or installed before."""

    why: str
    foreign: bool = False


@functools.cache
def _kinds(table: str) -> frozenset[tuple[str, str]]:
    listed = tomllib.loads((fixtures() / "detect" / "kinds.toml").read_text(encoding="utf-8"))[table]
    return frozenset((version, kind) for version, kinds in listed.items() for kind in kinds)


def served() -> tuple[str, ...]:
    """What a new cluster serves, as charts ask for it: `policy/v1/PodDisruptionBudget`."""
    return tuple(sorted(f"{version}/{kind}" for table in ("namespaced", "cluster") for version, kind in _kinds(table)))


def defined_kinds(objects: Iterable[Object]) -> frozenset[tuple[str, str]]:
    """The API versions and kinds that CustomResourceDefinitions add."""
    return frozenset(
        (f"{text(thing, 'spec', 'group')}/{text(version, 'name')}", text(thing, "spec", "names", "kind"))
        for thing in objects
        if text(thing, "kind") == "CustomResourceDefinition"
        for version in items(thing, "spec", "versions")
    )


def namespace_problem(namespace: str) -> str:
    """Why no drill can have this namespace; "" if it can."""
    if not _RESERVED.fullmatch(namespace):
        return ""
    return (
        f"the namespace {namespace} cannot be drilled, because a drill deletes its namespace, and Kubernetes or "
        "Velero needs this one; take `namespace` out of the manifests, or render them for a namespace of their own"
    )


def problems(thing: Object, namespace: str, added: frozenset[tuple[str, str]] | None) -> Iterator[Problem]:
    """Everything that is wrong with one object.

    `added` has the kinds that are installed first; None if the cluster itself is asked for the kinds that it serves.
    """
    yield from _place_problems(thing, namespace, added)
    kind, name, metadata = text(thing, "kind"), name_of(thing), mapping(thing, "metadata")
    if len(name) > (longest := _LONGEST.get(kind, 253)):
        yield Problem(f"has a name of {len(name)} characters, and Kubernetes takes at most {longest}; shorten it")
    if metadata.get("uid") or metadata.get("resourceVersion"):
        yield Problem("was exported from a cluster; remove metadata.uid, metadata.resourceVersion and status")
    is_known = (text(thing, "apiVersion"), kind) in _kinds("namespaced")
    for path in _not_text(thing, kind) if is_known else ():
        yield Problem(f"has a value at {path} that is no text, which Kubernetes refuses; write it in quotes")
    values = (*mapping(thing, "data").values(), *mapping(thing, "stringData").values()) if kind == "Secret" else ()
    if "sops" in thing or any(isinstance(each, str) and _ENCRYPTED.match(each) for each in values):
        yield Problem(
            "has encrypted or unfilled values, which would be deployed as they are; decrypt it first "
            "(`sops decrypt FILE`), or leave it out and use [[generate]]",
            foreign=True,
        )
    replicas = at(thing, "spec", "replicas")
    if "replicas" in mapping(thing, "spec") and (type(replicas) is not int or not 0 <= replicas <= MAX_REPLICAS):
        yield Problem(f"has a number of replicas that is not between 0 and {MAX_REPLICAS}")
    else:
        yield from map(Problem, _pod_problems(thing, namespace))


def _place_problems(thing: Object, namespace: str, added: frozenset[tuple[str, str]] | None) -> Iterator[Problem]:
    version, kind, where = text(thing, "apiVersion"), text(thing, "kind"), namespace_of(thing)
    key = (version, kind)
    lost = f"so a backup of {namespace or 'one namespace'} does not contain it"
    if kind == "Namespace":
        if name_of(thing) != namespace:
            yield Problem(f"is in no namespace, {lost}", foreign=True)
    elif key in _kinds("cluster") or any(kind == each for _, each in _kinds("cluster")):
        yield Problem(f"is in no namespace, {lost}", foreign=True)
    elif added is not None and key not in _kinds("namespaced") | added:
        present = sorted(each for each, known in _kinds("namespaced") if known == kind)
        what = inventory.of_operator(thing) or inventory.of_unknown_operator(thing)
        hint = f"; write {' or '.join(present)}" if present else f": {what}" if what else ""
        yield Problem(f"is of {version}, which a new cluster does not serve{hint}", foreign=not present)
    elif where and where != namespace:
        yield Problem(f"is in the namespace {where}, {lost}", foreign=True)


def _pod_problems(thing: Object, namespace: str) -> Iterator[str]:
    start = at(thing, "spec", "ordinals", "start")
    if start is not None and (type(start) is not int or not 0 <= start < 2**31):
        yield "has spec.ordinals.start that is no number of a pod"
        return
    pod = next(iter(inventory.pods([{**thing, "spec": {**mapping(thing, "spec"), "replicas": 1}}], namespace)), None)
    if pod is None or not items(pod, "spec", "containers"):
        if text(thing, "kind") in _WITH_PODS:
            yield "has no containers in its pod template"
        return
    running = containers(pod)
    if not all(isinstance(at(each, key), str) and at(each, key) for each in running for key in ("name", "image")):
        yield "has a container without a name or an image"
    yield from velero_annotations.problems(thing if text(thing, "kind") != "Pod" else {}, pod)


def _not_text(value: Json, kind: str, path: str = "") -> Iterator[str]:
    """The paths of values that must be text and are not: a port or a `true` without quotes."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            here = f"{path}.{key}" if path else key
            is_content = kind in {"ConfigMap", "Secret"} and here in {"data", "stringData"}
            if is_content or (key in _TEXT and path.endswith(("metadata", "selector"))):
                inside = each.items() if isinstance(each, Mapping) else ()
                yield from (f"{here}.{name}" for name, one in inside if one is not None and not isinstance(one, str))
            elif key == "env" and isinstance(each, list):
                variables = (one for one in each if at(one, "value") is not None)
                yield from (f"{here} {text(one, 'name')}" for one in variables if not isinstance(at(one, "value"), str))
            else:
                yield from _not_text(each, kind, here)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _not_text(each, kind, f"{path}[{number}]")
