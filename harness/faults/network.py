"""The network between a node and the object store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import SplitResult, urlsplit

from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.kubernetes import objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.faults.velero import NAMESPACE

# A route of its own for the store's address, which the node's pods use as well. The node takes it away by itself in
# the end: the harness may have been killed.
_UNDO = """
systemctl stop drillproof-cut.timer 2>/dev/null || true
ip route del unreachable "$1" 2>/dev/null || true
"""
_CUT = """
systemd-run --quiet --collect --unit=drillproof-cut --on-active=30min ip route del unreachable "$1"
ip route add unreachable "$1"
"""
_REACH = 'exec 3<>"/dev/tcp/$1/$2"'


@dataclass(frozen=True)
class CutFromStore:
    """The node on which a pod runs reaches the object store no more. Other nodes do, and the node itself is well."""

    pod: str
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.MACHINES

    @property
    def name(self) -> str:
        """Whose node."""
        return f"cut-from-store the node of {self.pod}"

    def inject(self, target: Target) -> None:
        """Cut it off."""
        self.undo(target)
        target.machines.on_node(self._node(target), *_bash(_CUT), str(_store(target).hostname))

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """No connection from this node, while every other one can connect. FaultHadNoEffect if it is not so."""
        cut, store = self._node(target), _store(target)
        silent: dict[str, str] = {}
        for node in _on(target):
            try:
                target.machines.on_node(node, *_bash(_REACH), str(store.hostname), str(store.port), within_s=30)
            except ToolFailed as error:
                silent[node] = error.tail
        if set(silent) != {cut}:
            raise FaultHadNoEffect(f"{cut} should not reach {store.netloc}; {', '.join(silent) or 'none'} does not")
        return {cut: silent[cut]}

    def undo(self, target: Target) -> None:
        """Take it away wherever it is; the pod may run elsewhere by now, or no more."""
        for node in _on(target):
            target.machines.on_node(node, *_bash(_UNDO), str(_store(target).hostname))

    def _node(self, target: Target) -> str:
        pods = objects(target.cluster.kubectl, "pods", f"--namespace={target.namespace}")
        for pod in pods:
            if text(pod, "metadata", "name") == self.pod and (node := text(pod, "spec", "nodeName")):
                return node
        raise FaultHadNoEffect(f"there is no pod {self.pod} on a node")


def _on(target: Target) -> tuple[str, ...]:
    return tuple(node for node in target.machines.nodes() if target.machines.is_on(node))


def _bash(script: str) -> tuple[str, ...]:
    return ("bash", "-ec", script, "bash")


def _store(target: Target) -> SplitResult:
    """Where Velero finds the object store."""
    locations = objects(target.cluster.kubectl, "backupstoragelocations.velero.io", f"--namespace={NAMESPACE}")
    urls = [url for location in locations if (url := text(location, "spec", "config", "s3Url"))]
    if not urls:
        raise FaultHadNoEffect("Velero has no location that names the object store")
    return urlsplit(urls[0])
