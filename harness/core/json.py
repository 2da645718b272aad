"""Accessors for parsed JSON: a value, or the one at a path of keys inside it.

Each returns an empty value of its type where the shape is not as expected; `at` and `number` return None.
"""

import json
from collections.abc import Iterator, Mapping

from harness.core.model import Json


def at(value: Json, *path: str) -> Json:
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def mapping(value: Json, *path: str) -> Mapping[str, Json]:
    found = at(value, *path)
    return found if isinstance(found, Mapping) else {}


def keys(value: Json, *path: str) -> tuple[str, ...]:
    """The sorted keys of the object at `path`."""
    return tuple(sorted(mapping(value, *path)))


def items(value: Json, *path: str) -> tuple[Json, ...]:
    found = at(value, *path)
    return tuple(found) if isinstance(found, list | tuple) else ()  # a tuple in an event that was not yet written


def text(value: Json, *path: str) -> str:
    """The value at `path` as text: "" for null, JSON for what is no string."""
    found = at(value, *path)
    if found is None:
        return ""
    try:
        return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be a drill)"


def number(value: Json, *path: str) -> float | None:
    found = at(value, *path)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def integer(value: Json, *path: str) -> int:
    found = at(value, *path)
    return found if isinstance(found, int) else 0


def numbers(value: Json) -> dict[str, float]:
    return {name: seen for name, each in mapping(value).items() if (seen := number(each)) is not None}


def flat(value: Json, name: str = "", levels: int = 20) -> Iterator[tuple[str, str]]:
    """The plain values of a document by dotted name; lists of plain values on one line, and what is below `levels`."""
    if isinstance(value, dict) and value and levels:
        for key, each in value.items():
            yield from flat(each, f"{name}.{key}" if name else str(key), levels - 1)
    elif isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
        yield name, ", ".join(map(text, value))
    else:
        yield name, text(value)


def values_in(text: bytes) -> int:
    """At least how many values a JSON text has, counted without reading it."""
    return sum(map(text.count, (b",", b"[", b"{")))
