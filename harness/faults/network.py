"""The network between nodes is cut, for one port."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness import deadlines
from harness.errors import FaultHadNoEffect, TimedOut
from harness.model import Volume
from harness.ports import Target
from harness.wait import NotYet, until

_TAG = "drillproof-cut"


@dataclass(frozen=True)
class CutPort:
    """Packets of pods to one TCP port are dropped on every node, as a policy that lacks one line does."""

    port: int
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Which."""
        return f"cut-port {self.port}"

    def inject(self, target: Target) -> None:
        """Before all other rules, so that connections that stand are cut too."""
        self.undo(target)
        for node in self._nodes(target):
            target.machines.on_node(node, "iptables", "-I", "FORWARD", *self._rule())

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """The packets that were dropped, node by node. FaultHadNoEffect if nobody sends any."""

        def dropped() -> Mapping[str, str]:
            counts = {node: sum(self._counted(target, node)) for node in self._nodes(target)}
            if not any(counts.values()):
                raise NotYet("no packet was dropped")
            return {node: f"{n} packets to port {self.port} were dropped" for node, n in counts.items() if n}

        try:
            return until(dropped, waited_for=f"packets to port {self.port}", within_s=deadlines.DAMAGE_S)
        except TimedOut as error:
            raise FaultHadNoEffect(str(error)) from error

    def undo(self, target: Target) -> None:
        """Take the rule away, wherever it is."""
        for node in self._nodes(target):
            for _ in self._counted(target, node):
                target.machines.on_node(node, "iptables", "-D", "FORWARD", *self._rule())

    def _rule(self) -> tuple[str, ...]:
        return (
            "-p",
            "tcp",
            "--dport",
            str(self.port),
            "-m",
            "comment",
            "--comment",
            f"{_TAG}-{self.port}",
            "-j",
            "DROP",
        )

    def _counted(self, target: Target, node: str) -> Iterator[int]:
        """The packets that each of our rules for this port has dropped."""
        for line in target.machines.on_node(node, "iptables-save", "-c", "-t", "filter").splitlines():
            found = re.match(rf"\[(\d+):\d+\] -A FORWARD .*{_TAG}-{self.port}\b", line)
            if found:
                yield int(found[1])

    def _nodes(self, target: Target) -> tuple[str, ...]:
        return tuple(node for node in target.machines.nodes() if target.machines.is_on(node))
