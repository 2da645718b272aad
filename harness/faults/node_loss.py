"""Machines are lost: the whole cluster, what manages it, or one worker with its disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar

from harness.core.errors import FaultHadNoEffect, TimedOut, ToolFailed
from harness.core.model import LOST, Volume
from harness.core.ports import Reach, Target
from harness.faults.observations import of_pods, unreadable

_ANSWER_S = 15
_TAKEN = "/var/drillproof-lost"


@dataclass(frozen=True)
class LoseNodes:
    """Nodes lose their power and never come back: all of them, or only the one that manages the others."""

    only_control_plane: bool = False
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.MACHINES

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


@dataclass(frozen=True)
class LoseWorker:
    """A worker loses its power and, with it, its disk; then a machine with an empty disk takes its place and its name.

    It is the worker on which a pod's volumes lie, or the first that has none of those of some pods.
    """

    holding: str = ""
    sparing: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.MACHINES

    @property
    def name(self) -> str:
        """Which."""
        return f"lose-worker with {self.holding}" if self.holding else f"lose-worker without {', '.join(self.sparing)}"

    def inject(self, target: Target) -> None:
        """Take the folders of its volumes away, unnoticed by those who have them open, and cut the power."""
        node, lost = self._lost(target.cluster.volumes(target.namespace))
        target.machines.on_node(node, "mkdir", "--parents", _TAKEN)
        for folder in sorted({str(PurePosixPath(volume.path).parent) for volume in lost}):
            target.machines.on_node(node, "mv", f"--target-directory={_TAKEN}", folder)
        target.machines.power_off(node)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """It does not run, none of its members answers, and each of its volumes lies nowhere else."""
        node, lost = self._lost(before)
        if target.machines.is_on(node):
            raise FaultHadNoEffect(f"{node} still runs")
        members = [member for store in target.stores for member in store.members if of_pods(lost, (member,))]
        seen = {f"node {node}": "has no power"} | {f"{LOST}{volume.claim}": f"was on {node} alone" for volume in lost}
        return seen | dict(unreadable(target, members))

    def undo(self, target: Target) -> None:
        """Start what is off. What lay on its disk is removed for good; its volumes' folders are not there."""
        for node in target.machines.nodes():
            target.machines.power_on(node)
            target.machines.on_node(node, "rm", "--recursive", "--force", _TAKEN)

    def _lost(self, volumes: Iterable[Volume]) -> tuple[str, list[Volume]]:
        by_node: dict[str, list[Volume]] = {}
        for volume in volumes:
            if volume.node and volume.path:
                by_node.setdefault(volume.node, []).append(volume)
        for node, its in sorted(by_node.items()):
            if of_pods(its, (self.holding,)) if self.holding else not of_pods(its, self.sparing):
                return node, its
        raise FaultHadNoEffect(f"there is no worker to lose {self.name.removeprefix('lose-worker ')}")
