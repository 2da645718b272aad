"""Kubernetes objects are deleted; the volumes stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.faults.observations import unreadable


@dataclass(frozen=True)
class DeleteObjects:
    """Every object of some kinds in the namespace is deleted, with all that belongs to it."""

    kinds: tuple[str, ...]  # statefulsets
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.NAMESPACE

    @property
    def name(self) -> str:
        """Which kinds."""
        return f"delete-{'-and-'.join(self.kinds)}"

    def inject(self, target: Target) -> None:
        """Delete them, and return when they are gone. FaultHadNoEffect if there are none."""
        if not self._there(target):
            raise FaultHadNoEffect(f"{target.namespace} has no {', '.join(self.kinds)}")
        command = ("delete", ",".join(self.kinds), "--all", "-n", target.namespace, "--cascade=foreground")
        target.cluster.kubectl(*command, within_s=timeouts.DAMAGE_S)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """None of these objects is left, and no member can be read."""
        if left := self._there(target):
            raise FaultHadNoEffect(f"still there: {', '.join(left)}")
        return dict.fromkeys(self.kinds, "none is left") | dict(unreadable(target))

    def undo(self, target: Target) -> None:
        """Nothing to take away: the deletion is over when it is seen."""

    def _there(self, target: Target) -> tuple[str, ...]:
        found = objects(target.cluster.kubectl, ",".join(self.kinds), f"--namespace={target.namespace}")
        return tuple(text(thing, "metadata", "name") for thing in found)
