"""What manifests bring: rendered where need be, read, and refused where no drill can be made of them."""

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

_OF_NO_NAMESPACE = frozenset(
    {
        *("APIService", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "IngressClass"),
        *("MutatingWebhookConfiguration", "Node", "PersistentVolume", "PriorityClass", "RuntimeClass", "StorageClass"),
        *("ValidatingAdmissionPolicy", "ValidatingWebhookConfiguration", "VolumeSnapshotClass"),
    }
)
"""Kinds of which a backup of a namespace holds nothing."""


HOOK = "helm.sh/hook"
"""The annotation of what Helm makes at a moment of its own."""

_AT_INSTALL = frozenset({"pre-install", "post-install"})


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a date is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def installed(objects: Iterable[Object]) -> tuple[tuple[Object, ...], tuple[Object, ...]]:
    """What an install makes, and what Helm makes at other times: tests, and hooks of an upgrade or of a deletion."""
    kept: list[Object] = []
    later: list[Object] = []
    for thing in objects:
        moments = {word.strip() for word in text(thing, "metadata", "annotations", HOOK).split(",")} - {""}
        (later if moments and not moments & _AT_INSTALL else kept).append(thing)
    return tuple(kept), tuple(later)


def is_chart(path: Path) -> bool:
    """Whether a folder is a Helm chart."""
    return (path / "Chart.yaml").is_file()


def namespace_of(objects: Iterable[Object]) -> str:
    """The namespace that the objects themselves name; "" if none does."""
    return next(filter(None, (_where(thing) for thing in objects)), "")


def of_anything(path: Path, namespace: str | None) -> tuple[Object, ...]:
    """What a chart installs, or whatever else `path` is; of any one namespace if none is said. Misconfigured.

    A chart's release is called as its namespace, since the proposed application is, and so its pods will be.
    """
    if is_chart(path):
        release = namespace or path.resolve().name
        return installed(of_chart(path, (), release, release))[0]
    return installed(of_path(path, namespace))[0]


def of_path(path: Path, namespace: str | None) -> tuple[Object, ...]:
    """Every object of a kustomization, of a folder of YAML files, or of one such file. Misconfigured."""
    if path.is_file():
        return _whole(path, _documents(path.read_bytes(), path), namespace)
    if not path.is_dir():
        raise Misconfigured(f"{path} is neither a folder nor a file of manifests; say where they are with `manifests`")
    if any((path / name).is_file() for name in _KUSTOMIZATIONS):
        return _whole(path, _documents(_kustomized(path), path), namespace)
    files = sorted(file for file in path.iterdir() if file.suffix in _FILES and file.is_file())
    return _whole(path, (each for file in files for each in _documents(file.read_bytes(), file)), namespace)


def of_chart(chart: Path, values: Iterable[Path], name: str, namespace: str) -> tuple[Object, ...]:
    """Every object of a Helm chart, rendered by the machine's own helm. Misconfigured."""
    options = [f"--values={value}" for value in values]
    command = ["template", name, str(chart), f"--namespace={namespace}", *options]
    if not is_chart(chart):
        raise Misconfigured(f"{chart} is no Helm chart: it has no Chart.yaml")
    helm = shutil.which("helm")
    if helm is None:
        raise Misconfigured(
            f"there is no helm here to render {chart}; run `helm {' '.join(command)} > rendered.yaml` where there is "
            'one, and write manifests = "rendered.yaml" in place of `chart`'
        )
    return _whole(chart, _documents(_rendered(chart, [helm, *command]), chart), namespace)


def _kustomized(path: Path) -> bytes:
    program = kubernetes.kubectl()
    if program is None:
        raise Misconfigured(
            f"there is no kubectl here to render {path}; install one, or run `kubectl kustomize {path} > rendered.yaml`"
            ' where there is one, and write manifests = "rendered.yaml"'
        )
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
                raise Misconfigured(f"{path} holds what is no object of Kubernetes: {str(document)[:80]!r}")
            if text(document, "kind") == "List":
                yield from cast("tuple[Object, ...]", items(document, "items"))
            else:
                yield document
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def _where(thing: Object) -> str:
    """The namespace that an object is of, or is; "" where it does not say."""
    return text(thing, "metadata", "name" if text(thing, "kind") == "Namespace" else "namespace")


def _whole(path: Path, found: Iterable[Object], namespace: str | None) -> tuple[Object, ...]:
    """All of them, each once. Misconfigured for one that a backup of the namespace cannot hold."""
    things: dict[str, Object] = {}
    for thing in found:
        kind, name, where = text(thing, "kind"), name_of(thing), _where(thing)
        if not kind or not name or not text(thing, "apiVersion"):
            raise Misconfigured(f"{path} holds an object without apiVersion, kind or name: {str(dict(thing))[:80]}")
        called = f"{kind} {name}"
        namespace = namespace or where or None
        if kind in _OF_NO_NAMESPACE or (where and where != namespace):
            place = f"of the namespace {where}" if where and kind != "Namespace" else "of no namespace"
            raise Misconfigured(
                f"{path}: {called} is {place}, so no backup of {namespace or 'one'} holds it; leave it out of what is "
                "drilled"
            )
        if called in things:
            raise Misconfigured(f"{path} holds {called} twice")
        things[called] = thing
    if not things:
        raise Misconfigured(f"{path} holds no manifest: no object in a .yaml, .yml or .json file")
    return tuple(things.values())
