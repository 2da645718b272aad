"""A node that is cut off from the object store, as a fault: what it asks of nodes, and what it takes for damage."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.ports import Target
from harness.faults.network import CutFromStore

FAULT = CutFromStore("a")


@dataclass
class World:
    """Three nodes, one of them off, and a pod on the first; a node is cut by a route of its own."""

    cut: set[str] = field(default_factory=set)
    off: str = "three"
    url: str = "http://10.0.0.250:9000"
    deaf: bool = False

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[1] == "pods":
            return json.dumps({"items": [{"metadata": {"name": "a"}, "spec": {"nodeName": "one"}}]})
        return json.dumps({"items": [{"spec": {"config": {"s3Url": self.url}}}]})

    def nodes(self) -> tuple[str, ...]:
        return ("one", "two", "three")

    def is_on(self, machine: str) -> bool:
        return machine != self.off

    def on_node(self, node: str, *argv: str, stdin: str | None = None, within_s: float = 60) -> str:
        assert self.is_on(node)
        (bash, flags, script, _, *words) = argv
        assert (bash, flags, words[0]) == ("bash", "-ec", "10.0.0.250")
        if "/dev/tcp" in script:
            assert words == ["10.0.0.250", "9000"]
            if node in self.cut:
                raise ToolFailed(list(argv), 1, "Network is unreachable")
        elif "route add" in script and not self.deaf:
            assert "--on-active" in script, "nobody takes it away if the harness is killed"
            self.cut.add(node)
        elif "route add" not in script:
            self.cut.discard(node)
        return ""


def target(world: World) -> Target:
    return Target(*cast("Any", (world, "custos", (), None, world)))


def test_the_pods_node_is_cut_off_and_no_other_and_is_mended() -> None:
    world = World()
    FAULT.inject(target(world))
    FAULT.inject(target(world))
    assert world.cut == {"one"}
    assert FAULT.damage(target(world)) == {"one": "Network is unreachable"}
    for _ in range(2):
        FAULT.undo(target(world))
        assert world.cut == set()


@pytest.mark.parametrize("cut", [set(), {"two"}, {"one", "two"}])
def test_a_node_that_is_not_cut_off_or_not_alone_is_no_damage(cut: set[str]) -> None:
    with pytest.raises(FaultHadNoEffect, match=r"one.*9000"):
        FAULT.damage(target(World(cut=cut)))


def test_without_the_pod_or_the_store_there_is_nothing_to_cut() -> None:
    with pytest.raises(FaultHadNoEffect, match="pod b"):
        CutFromStore("b").inject(target(World()))
    with pytest.raises(FaultHadNoEffect, match="s3Url"):
        FAULT.inject(target(World(url="")))
