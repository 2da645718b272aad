"""Pods that should run do not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, TimedOut
from harness.core.kubernetes import Object, number, objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until

_KEPT = "drillproof.dev/replicas-before"
"""Where a StatefulSet itself keeps what undo puts back, so that it outlives a killed harness."""


@dataclass(frozen=True)
class ScaleDown:
    """A StatefulSet is scaled to none: its pods go, its claims stay."""

    statefulset: str
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.NAMESPACE

    @property
    def name(self) -> str:
        """Which."""
        return f"scale-down {self.statefulset}"

    def inject(self, target: Target) -> None:
        """Keep how many pods were asked for, and ask for none."""
        now = number(self._object(target), "spec", "replicas")
        if not now:
            raise FaultHadNoEffect(f"{self.statefulset} has no pods as it is")
        self._patch(target, kept=str(now), replicas=0)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """None of its pods is left. FaultHadNoEffect if one still is at the deadline."""

        def gone() -> None:
            if left := number(self._object(target), "status", "replicas"):
                raise NotYet(f"{left} of them")

        try:
            until(gone, waited_for=f"the pods of {self.statefulset} to go", within_s=timeouts.DAMAGE_S)
        except TimedOut as error:
            raise FaultHadNoEffect(str(error)) from error
        return {self.statefulset: "has no pods"}

    def undo(self, target: Target) -> None:
        """Ask for as many as there were."""
        if kept := text(self._object(target), "metadata", "annotations", _KEPT):
            self._patch(target, kept=None, replicas=int(kept))

    def _object(self, target: Target) -> Object:
        by_name = f"--field-selector=metadata.name={self.statefulset}"
        found = objects(target.cluster.kubectl, "statefulsets", f"--namespace={target.namespace}", by_name)
        if not found:
            raise FaultHadNoEffect(f"there is no StatefulSet {self.statefulset}")
        return found[0]

    def _patch(self, target: Target, *, kept: str | None, replicas: int) -> None:
        patch = json.dumps({"metadata": {"annotations": {_KEPT: kept}}, "spec": {"replicas": replicas}})
        command = ("patch", "statefulset", self.statefulset, f"--namespace={target.namespace}", "--type=merge")
        target.cluster.kubectl(*command, f"--patch={patch}")
