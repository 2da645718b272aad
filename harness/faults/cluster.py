"""The cluster itself is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import FaultHadNoEffect, TimedOut, ToolFailed
from harness.faults.loss import unreadable
from harness.model import Volume
from harness.ports import Target

_ANSWER_S = 15


@dataclass(frozen=True)
class LoseNodes:
    """Nodes lose their power and never come back: all of them, or only the one that manages the others."""

    only_control_plane: bool = False
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Which."""
        return "lose-control-plane" if self.only_control_plane else "lose-cluster"

    def inject(self, target: Target) -> None:
        """Cut the power."""
        for node in self._lost(target):
            target.machines.power_off(node)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """None of them runs, the cluster answers nothing, and no member can be reached by it."""
        lost = self._lost(target)
        if running := [node for node in lost if target.machines.is_on(node)]:
            raise FaultHadNoEffect(f"still running: {', '.join(running)}")
        try:
            target.cluster.kubectl("get", "--raw", "/readyz", within_s=_ANSWER_S)
        except (ToolFailed, TimedOut) as error:
            silence = str(error)
        else:
            raise FaultHadNoEffect("the cluster still answers")
        seen = {f"node {node}": "has no power" for node in lost} | {"cluster": silence}
        return seen | dict(unreadable(target))

    def undo(self, target: Target) -> None:
        """They stay lost: what comes back is another cluster."""

    def _lost(self, target: Target) -> tuple[str, ...]:
        nodes = target.machines.nodes()
        return tuple(node for node in nodes if not self.only_control_plane or node.endswith("-control-plane"))
