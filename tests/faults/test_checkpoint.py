"""Checkpoints are forced while the copy is under way, and count only if the server logged one inside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from harness.core.errors import FaultHadNoEffect
from harness.core.ports import Target
from harness.faults.checkpoint import CheckpointsDuringCopy

START, END = "2026-01-01T10:00:05Z", "2026-01-01T10:00:12Z"


@dataclass
class OneCopy:
    """kubectl of a cluster whose copy of the volume ends after `under_way` looks at it."""

    moved: bool
    under_way: int = 0
    log: str = ""
    checkpoints: int = 0
    asked: list[str] = field(default_factory=list)

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        self.asked.append(args[0])
        if args[0] == "exec":
            self.checkpoints += 1
            return ""
        if args[0] == "logs":
            return self.log
        self.under_way -= 1
        status = {"startTimestamp": START, **({} if self.under_way >= 0 else {"completionTimestamp": END})}
        spec = {"pod": {"name": "postgres-primary-0"}, "volume": "data"}
        claims = [{"name": "data", "persistentVolumeClaim": {"claimName": "the-data"}}]
        pod = {"metadata": {"name": "postgres-primary-0", "namespace": "custos"}, "spec": {"volumes": claims}}
        upload = {"sourceNamespace": "custos", "sourcePVC": "the-data"}
        copy = {"kind": "DataUpload", "spec": upload} if self.moved else {"kind": "PodVolumeBackup", "spec": spec}
        return json.dumps({"items": [{"kind": "Pod", **pod}, {**copy, "status": status}]})


def _target(cluster: OneCopy) -> Target:
    store = SimpleNamespace(members=("postgres-primary-0",))
    return cast(Target, SimpleNamespace(cluster=cluster, namespace="custos", store=lambda _: store))


def _begun_at(second: int) -> str:
    return f"2026-01-01T10:00:{second:02}.123456789Z 2026-01-01 LOG:  checkpoint starting: immediate force wait\n"


@pytest.mark.parametrize("moved", [True, False])
def test_checkpoints_are_forced_until_the_copy_has_ended(moved: bool) -> None:  # a case
    cluster = OneCopy(moved, under_way=3)
    CheckpointsDuringCopy().inject(_target(cluster))
    assert cluster.checkpoints == 2  # the first look found it begun


@pytest.mark.parametrize("moved", [True, False])
def test_damage_counts_the_checkpoints_that_were_certainly_inside(moved: bool) -> None:  # a case
    cluster = OneCopy(moved, log="".join(map(_begun_at, (4, 5, 6, 7, 11, 12))))
    seen = CheckpointsDuringCopy().damage(_target(cluster))
    assert seen == {"postgres-primary-0": f"3 checkpoints began between {START} and {END}, while its files were copied"}


@pytest.mark.parametrize("log", ["", _begun_at(4), _begun_at(12), "2026-01-01T10:00:07Z LOG:  something else\n"])
def test_a_copy_without_a_checkpoint_inside_is_no_damage(log: str) -> None:
    with pytest.raises(FaultHadNoEffect, match="no checkpoint began"):
        CheckpointsDuringCopy().damage(_target(OneCopy(moved=True, log=log)))
