"""Reads manifests, renders them where needed, and refuses objects that no backup of a namespace contains."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

import yaml

from harness.core import kubernetes
from harness.core.errors import Misconfigured, ToolFailed
from harness.core.json import items, text
from harness.core.kubernetes import Object, name_of
from harness.core.process import run

RENDER_S = 120.0

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_FILES = (".yaml", ".yml", ".json")

_CLUSTER_SCOPED = frozenset(
    {
        *("APIService", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "IngressClass"),
        *("MutatingWebhookConfiguration", "Node", "PersistentVolume", "PriorityClass", "RuntimeClass", "StorageClass"),
        *("ValidatingAdmissionPolicy", "ValidatingWebhookConfiguration", "VolumeSnapshotClass"),
    }
)


HOOK = "helm.sh/hook"
"""The annotation of objects that Helm creates at a given event."""

_AT_INSTALL = frozenset({"pre-install", "post-install"})


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a date is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def is_chart(path: Path) -> bool:
    """Whether a folder is a Helm chart."""
    return (path / "Chart.yaml").is_file()


def named_namespace(objects: Iterable[Object]) -> str:
    """The namespace that the objects themselves name; "" if none does."""
    return next(filter(None, map(_namespace, objects)), "")


def read(
    path: Path, namespace: str | None, *, chart: bool, release: str = "", values: Iterable[Path] = ()
) -> tuple[tuple[Object, ...], tuple[Object, ...]]:
    """The objects that an install creates, and those of other Helm hooks: tests, upgrades, deletions. Misconfigured.

    `path` is a chart, a kustomization, a folder of YAML files or one file. Without a `namespace` the objects may be in
    any one.
    """
    kept: list[Object] = []
    later: list[Object] = []
    for thing in of_chart(path, values, release, namespace or release) if chart else of_path(path, namespace):
        events = {word.strip() for word in text(thing, "metadata", "annotations", HOOK).split(",")} - {""}
        (later if events and not events & _AT_INSTALL else kept).append(thing)
    return tuple(kept), tuple(later)


def of_path(path: Path, namespace: str | None) -> tuple[Object, ...]:
    """Every object of a kustomization, of a folder of YAML files, or of one file. Misconfigured."""
    if path.is_file():
        return _checked(path, _documents(path.read_bytes(), path), namespace)
    if not path.is_dir():
        raise Misconfigured(f"{path} does not exist; set `manifests` to a folder or file of manifests")
    if any((path / name).is_file() for name in _KUSTOMIZATIONS):
        return _checked(path, _documents(_kustomized(path), path), namespace)
    files = sorted(file for file in path.iterdir() if file.suffix in _FILES and file.is_file())
    return _checked(path, (each for file in files for each in _documents(file.read_bytes(), file)), namespace)


def of_chart(chart: Path, values: Iterable[Path], name: str, namespace: str) -> tuple[Object, ...]:
    """Every object of a Helm chart, rendered with this machine's helm. Misconfigured."""
    options = [f"--values={value}" for value in values]
    command = ["template", name, str(chart), f"--namespace={namespace}", *options]
    if not is_chart(chart):
        raise Misconfigured(f"{chart} is not a Helm chart: it has no Chart.yaml")
    helm = shutil.which("helm")
    if helm is None:
        raise Misconfigured(
            f"helm is not installed, and is needed to render {chart}; install it, or run "
            f'`helm {" ".join(command)} > rendered.yaml` elsewhere, and write manifests = "rendered.yaml" '
            "in place of `chart`"
        )
    return _checked(chart, _documents(_rendered(chart, [helm, *command]), chart), namespace)


def _kustomized(path: Path) -> bytes:
    elsewhere = f'`kubectl kustomize {path} > rendered.yaml` elsewhere, and write manifests = "rendered.yaml"'
    program = kubernetes.find_kubectl(f" and is needed to render {path}; or run {elsewhere}")
    return _rendered(path, [str(program), "kustomize", str(path)])


def _rendered(path: Path, command: list[str]) -> bytes:
    try:
        return run(command, within_s=RENDER_S).stdout.encode()
    except ToolFailed as error:
        raise Misconfigured(f"{path} cannot be rendered: {' '.join(error.tail.split())}") from error


def _documents(text_: bytes, path: Path) -> Iterator[Object]:
    try:
        for document in yaml.load_all(text_, Loader=_Loader):
            if document is None:
                continue
            if not isinstance(document, Mapping):
                raise Misconfigured(f"{path} has a document that is not a Kubernetes object: {str(document)[:80]!r}")
            if text(document, "kind") == "List":
                yield from cast("tuple[Object, ...]", items(document, "items"))
            else:
                yield document
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error


def _namespace(thing: Object) -> str:
    """The namespace that an object is in, or is; "" if it does not say."""
    return name_of(thing) if text(thing, "kind") == "Namespace" else text(thing, "metadata", "namespace")


def _checked(path: Path, found: Iterable[Object], namespace: str | None) -> tuple[Object, ...]:
    """All objects. Misconfigured for one that occurs twice, or that a backup of the namespace does not contain."""
    things: dict[str, Object] = {}
    for thing in found:
        kind, name, where = text(thing, "kind"), name_of(thing), _namespace(thing)
        if not kind or not name or not text(thing, "apiVersion"):
            raise Misconfigured(f"{path} has an object without apiVersion, kind or name: {str(dict(thing))[:80]}")
        key = f"{kind} {name}"
        namespace = namespace or where or None
        if kind in _CLUSTER_SCOPED or (where and where != namespace):
            place = f"in the namespace {where}" if where and kind != "Namespace" else "in no namespace"
            raise Misconfigured(
                f"{path}: {key} is {place}, so a backup of {namespace or 'one namespace'} does not contain it; "
                "remove it from the manifests for the drill"
            )
        if key in things:
            raise Misconfigured(f"{path} has {key} twice")
        things[key] = thing
    if not things:
        raise Misconfigured(f"{path} has no manifests: no object in a .yaml, .yml or .json file")
    return tuple(things.values())
