"""Forwards are kept while they serve."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import cast

import pytest

from harness.clusters.cached_forwards import CachedForwards
from harness.core.errors import ToolFailed
from harness.core.ports import Cluster


class Counting:
    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []

    @contextlib.contextmanager
    def forward(self, _namespace: str, pod: str, _port: int) -> Iterator[tuple[str, int]]:
        self.opened.append(pod)
        try:
            yield "127.0.0.1", len(self.opened)
        finally:
            self.closed.append(pod)


def test_a_forward_is_opened_once_for_each_pod_and_closed_at_the_end() -> None:
    counting = Counting()
    kept = CachedForwards(cast("Cluster", counting))
    for pod in ("a", "b", "a"):
        with kept.forward("custos", pod, 1):
            pass
    assert (counting.opened, counting.closed) == (["a", "b"], [])
    kept.close()
    kept.close()
    assert counting.closed == ["a", "b"]


def test_a_forward_that_made_trouble_is_opened_anew() -> None:
    counting = Counting()
    kept = CachedForwards(cast("Cluster", counting))
    with pytest.raises(ToolFailed), kept.forward("custos", "a", 1):
        raise ToolFailed(["mysql"], 1, "gone away")
    with kept.forward("custos", "a", 1) as address:
        assert address[1] == 2
    assert (counting.opened, counting.closed) == (["a", "a"], ["a"])


def test_trouble_with_an_old_forward_does_not_close_the_new_one() -> None:
    counting = Counting()
    kept = CachedForwards(cast("Cluster", counting))

    def two() -> None:
        with kept.forward("custos", "a", 1):
            with contextlib.suppress(ToolFailed), kept.forward("custos", "a", 1):
                raise ToolFailed(["mysql"], 1, "gone away")
            with kept.forward("custos", "a", 1):
                raise ToolFailed(["mysql"], 1, "gone away again")

    with pytest.raises(ToolFailed):
        two()
    assert (counting.opened, counting.closed) == (["a", "a"], ["a", "a"])
