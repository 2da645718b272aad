"""The Kubernetes objects that drillproof itself creates: clusters/objects.yaml, filled in."""

import functools
import json
from collections.abc import Iterable, Mapping
from typing import cast

import yaml

from harness.core import resources
from harness.core.json import mapping
from harness.core.kubernetes import LABEL, Object
from harness.core.model import Json


def made(thing: str, /, **values: Json) -> Object:
    """An object of clusters/objects.yaml by its name there, with `values` filled in."""
    return cast("Object", filled(_known()[thing], values))


def together(things: Iterable[Object]) -> str:
    """Objects as one JSON text, as kubectl takes them on standard input."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)})


def labelled(thing: Object, run: str) -> dict[str, Json]:
    """An object with drillproof's label added."""
    labels = {**mapping(thing, "metadata", "labels"), LABEL: run}
    return {**thing, "metadata": {**mapping(thing, "metadata"), "labels": labels}}


@functools.cache
def _known() -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", yaml.safe_load((resources.clusters() / "objects.yaml").read_text("utf-8")))


def filled(template: Json, values: Mapping[str, Json]) -> Json:
    """A template, in which a string `$key` stands for the value of `key`."""
    if isinstance(template, str) and template.startswith("$"):
        return values[template[1:]]
    if isinstance(template, Mapping):
        return {key: filled(value, values) for key, value in template.items()}
    return [filled(each, values) for each in template] if isinstance(template, list) else template
