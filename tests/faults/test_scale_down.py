"""A StatefulSet without pods, as a fault."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.ports import Target
from harness.faults.statefulset import ScaleDown


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.01)


@dataclass
class Cluster:
    """One StatefulSet; its pods follow its replicas, unless they `stay`."""

    replicas: int = 2
    stay: bool = False
    annotations: dict[str, str] = field(default_factory=dict)

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "scale":
            assert args[1:3] == ("statefulset", "a")
            self.replicas = int(args[3].removeprefix("--replicas="))
        if args[0] == "annotate":
            assert args[2:4] == ("statefulset", "a")
            key, equals, value = args[4].partition("=")
            self.annotations.pop(key.removesuffix("-"), None)
            self.annotations |= {key: value} if equals else {}
        if args[:2] == ("get", "pods"):
            pods = range(2 if self.stay else self.replicas)
            others = [{"metadata": {"name": "a-b-0"}}]
            return json.dumps({"items": [{"metadata": {"name": f"a-{n}"}} for n in pods] + others})
        metadata = {"name": "a", "annotations": self.annotations}
        return json.dumps({"items": [{"metadata": metadata, "spec": {"replicas": self.replicas}}]})


def target(cluster: Cluster) -> Target:
    return Target(*cast("Any", (cluster, "custos", (), None, None)))


def test_its_pods_go_are_seen_gone_and_come_back_as_many_as_they_were() -> None:
    cluster = Cluster()
    ScaleDown("a").inject(target(cluster))
    assert cluster.replicas == 0
    assert ScaleDown("a").damage(target(cluster)) == {"a": "has no pods"}
    for _ in range(2):
        ScaleDown("a").undo(target(cluster))
        assert (cluster.replicas, cluster.annotations) == (2, {})


def test_pods_that_stay_are_no_damage() -> None:
    cluster = Cluster(stay=True)
    ScaleDown("a").inject(target(cluster))
    with pytest.raises(FaultHadNoEffect, match="a-0, a-1"):
        ScaleDown("a").damage(target(cluster))


def test_pods_that_run_are_no_damage() -> None:
    with pytest.raises(FaultHadNoEffect, match="a"):
        ScaleDown("a").damage(target(Cluster()))


def test_what_is_not_there_or_has_no_pods_cannot_be_scaled_down() -> None:
    with pytest.raises(FaultHadNoEffect, match="b"):
        ScaleDown("b").inject(target(Cluster()))
    with pytest.raises(FaultHadNoEffect, match="0 replicas"):
        ScaleDown("a").inject(target(Cluster(replicas=0)))
