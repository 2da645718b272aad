"""A StatefulSet without pods, as a fault."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.ports import Target
from harness.faults.scale_down import ScaleDown


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.01)


@dataclass
class Cluster:
    """One StatefulSet; its pods go as they are told, unless they `stay`."""

    replicas: int = 2
    stay: bool = False
    annotations: dict[str, str] = field(default_factory=dict)

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "patch":
            assert args[1:3] == ("statefulset", "a")
            patch = json.loads(args[-1].removeprefix("--patch="))
            self.replicas = patch["spec"]["replicas"]
            for key, value in patch["metadata"]["annotations"].items():
                self.annotations.pop(key, None)
                self.annotations |= {} if value is None else {key: value}
            return ""
        thing = {
            "metadata": {"name": "a", "annotations": self.annotations},
            "spec": {"replicas": self.replicas},
            "status": {"replicas": 2 if self.stay else self.replicas},
        }
        return json.dumps({"items": [thing] if "--field-selector=metadata.name=a" in args else []})


def target(cluster: Cluster) -> Target:
    return Target(*cast("Any", (cluster, "custos", (), None, None)))


def test_its_pods_go_are_seen_gone_and_come_back_as_many_as_they_were() -> None:
    cluster = Cluster()
    ScaleDown("a").inject(target(cluster))
    assert cluster.replicas == 0
    assert ScaleDown("a").damage(target(cluster), ()) == {"a": "has no pods"}
    for _ in range(2):
        ScaleDown("a").undo(target(cluster))
        assert (cluster.replicas, cluster.annotations) == (2, {})


def test_pods_that_stay_are_no_damage() -> None:
    cluster = Cluster(stay=True)
    ScaleDown("a").inject(target(cluster))
    with pytest.raises(FaultHadNoEffect, match="last seen: 2 of them"):
        ScaleDown("a").damage(target(cluster), ())


def test_what_is_not_there_or_has_no_pods_cannot_be_scaled_down() -> None:
    with pytest.raises(FaultHadNoEffect, match="no StatefulSet b"):
        ScaleDown("b").inject(target(Cluster()))
    with pytest.raises(FaultHadNoEffect, match="has no pods as it is"):
        ScaleDown("a").inject(target(Cluster(replicas=0)))
