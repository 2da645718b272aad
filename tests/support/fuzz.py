"""Spoils JSON documents: any value anywhere. `DRILLPROOF_FUZZ` has the number of examples, which are few without it."""

from __future__ import annotations

import copy
import os
from typing import cast

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from harness.core.model import Json

FUZZ = settings(
    max_examples=int(os.environ.get("DRILLPROOF_FUZZ", "25")),
    deadline=10_000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["db", "db-0", "data", "?", "[", "Secret", "3306", "\x00", "x" * 300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def places(value: Json, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value inside a document, but its own."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, each in inside for found in [(*path, key), *places(each, (*path, key))]]


@st.composite
def spoilt(draw: st.DrawFn, documents: list[Json]) -> list[Json]:
    """Documents of which up to three values are replaced by any others, or removed."""
    result = copy.deepcopy(documents)
    for _ in range(draw(st.integers(1, 3))):
        if not (known := places(result)):
            break
        *path, last = draw(st.sampled_from(known))
        inner = cast("dict[str | int, Json]", result)
        for key in path:
            inner = cast("dict[str | int, Json]", inner[key])
        if draw(st.booleans()):
            del inner[last]
        else:
            inner[last] = draw(JSON)
    return result
