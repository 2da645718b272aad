"""Accessors for parsed JSON. Each returns an empty value of its type where the shape is not as expected."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import cast

from harness.core.model import Json


def mapping(value: Json) -> Mapping[str, Json]:
    """`value` if it is an object, else an empty one."""
    return cast("Mapping[str, Json]", value) if isinstance(value, dict) else {}


def items(value: Json) -> tuple[Json, ...]:
    """The elements of a list; none of anything else."""
    return tuple(value) if isinstance(value, list | tuple) else ()  # a tuple in an event that was not yet written


def text(value: Json) -> str:
    """`value` as text: nothing for null, JSON for what is no plain value."""
    if value is None:
        return ""
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be a drill's)"


def number(value: Json) -> float | None:
    """`value` if it is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def numbers(value: Json) -> dict[str, float]:
    """The numbers of an object, by name."""
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
