"""Nodes are lost: the whole cluster, the control plane, or one worker with its disk."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.core.errors import FaultHadNoEffect, TimedOut, ToolFailed
from harness.core.model import LOST, Volume
from harness.core.ports import Reach, Target
from harness.faults.base import BaseFault
from harness.faults.observations import of_pods, unreadable

_ANSWER_S = 15
_REMOVED = "/var/drillproof-lost"


@dataclass(frozen=True)
class LoseNodes(BaseFault):
    """Nodes lose power for good: all of them, or only the control plane."""

    only_control_plane: bool = False
    reach = Reach.MACHINES

    @property
    def name(self) -> str:
        return "lose-control-plane" if self.only_control_plane else "lose-cluster"

    def inject(self, target: Target) -> None:
        for node in self._lost(target):
            target.machines.power_off(node)

    def damage(self, target: Target) -> Mapping[str, str]:
        """None of them runs, the API server does not answer, and no member can be reached."""
        lost = self._lost(target)
        if running := [node for node in lost if target.machines.is_on(node)]:
            raise FaultHadNoEffect(f"still running: {', '.join(running)}")
        try:
            target.cluster.kubectl("get", "--raw", "/readyz", within_s=_ANSWER_S)
        except (ToolFailed, TimedOut) as error:
            silence = str(error)
        else:
            raise FaultHadNoEffect("the API server still answers")
        seen = {f"node {node}": "has no power" for node in lost} | {"cluster": silence}
        return seen | dict(unreadable(target))

    def _lost(self, target: Target) -> tuple[str, ...]:
        nodes = target.machines.nodes()
        return tuple(node for node in nodes if not self.only_control_plane or node.endswith("-control-plane"))


@dataclass(frozen=True)
class LoseWorker(BaseFault):
    """A worker loses power and its disk; then a machine with an empty disk takes its place and its name.

    It is the worker with the volumes of the pod `holding`, or the first without volumes of the pods `sparing`.
    """

    holding: str = ""
    sparing: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    reach = Reach.MACHINES

    @property
    def name(self) -> str:
        return f"lose-worker with {self.holding}" if self.holding else f"lose-worker without {', '.join(self.sparing)}"

    def inject(self, target: Target) -> None:
        """Move the folders of its volumes away, unseen by processes that have files open, and cut the power."""
        node, lost = self._lost(target.cluster.volumes(target.namespace))
        target.machines.on_node(node, "mkdir", "--parents", _REMOVED)
        for folder in sorted({str(PurePosixPath(volume.path).parent) for volume in lost}):
            target.machines.on_node(node, "mv", f"--target-directory={_REMOVED}", folder)
        target.machines.power_off(node)

    def damage(self, target: Target) -> Mapping[str, str]:
        """It does not run, none of its members answers, and each of its volumes was there only."""
        node, lost = self._lost(target.volumes_before)
        if target.machines.is_on(node):
            raise FaultHadNoEffect(f"{node} still runs")
        members = [member for store in target.stores for member in store.members if of_pods(lost, (member,))]
        seen = {f"node {node}": "has no power"} | {f"{LOST}{volume.claim}": f"was on {node} alone" for volume in lost}
        return seen | dict(unreadable(target, members))

    def undo(self, target: Target) -> None:
        """Start every node that is off, and delete what was on its disk."""
        for node in target.machines.nodes():
            target.machines.power_on(node)
            target.machines.on_node(node, "rm", "--recursive", "--force", _REMOVED)

    def _lost(self, volumes: Iterable[Volume]) -> tuple[str, list[Volume]]:
        by_node: dict[str, list[Volume]] = {}
        for volume in volumes:
            if volume.node and volume.path:
                by_node.setdefault(volume.node, []).append(volume)
        for node, its in sorted(by_node.items()):
            if of_pods(its, (self.holding,)) if self.holding else not of_pods(its, self.sparing):
                return node, its
        raise FaultHadNoEffect(f"no worker to lose: {self.name}")
