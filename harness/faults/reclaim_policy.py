"""Volumes that outlive their claims."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target

_MARK = "drillproof.dev/retained"


@dataclass(frozen=True)
class RetainVolumes:
    """Every volume of the namespace has the reclaim policy Retain, as careful people give it to them."""

    name: str = "retain-volumes"
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.CLUSTER

    def inject(self, target: Target) -> None:
        """Mark them, and give it to them."""
        volumes = [volume.volume for volume in target.cluster.volumes(target.namespace) if volume.volume]
        if not volumes:
            raise FaultHadNoEffect("there are no volumes")
        _patch(target, volumes, "Retain")

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """What each volume's policy is. FaultHadNoEffect if one is another."""
        policies = {
            text(each, "metadata", "uid"): text(each, "spec", "persistentVolumeReclaimPolicy")
            for each in objects(target.cluster.kubectl, "persistentvolumes")
        }
        if other := [volume.claim for volume in before if policies.get(volume.volume_uid) != "Retain"]:
            raise FaultHadNoEffect(f"not retained: {', '.join(other)}")
        return {f"policy of {volume.claim}": "Retain" for volume in before}

    def undo(self, target: Target) -> None:
        """Give them the policy Delete again: those without a claim are then removed with their data."""
        marked = objects(target.cluster.kubectl, "persistentvolumes", f"--selector={_MARK}=yes")
        _patch(target, [text(each, "metadata", "name") for each in marked], "Delete")


def _patch(target: Target, volumes: list[str], policy: str) -> None:
    if volumes:
        patch = {"metadata": {"labels": {_MARK: "yes"}}, "spec": {"persistentVolumeReclaimPolicy": policy}}
        target.cluster.kubectl("patch", "persistentvolumes", *volumes, "--type=merge", "-p", json.dumps(patch))
