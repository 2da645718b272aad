"""A whole cluster is fenced off, and runs on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, TimedOut
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.observations import newest

_TAG = "drillproof-fence-off"


@dataclass(frozen=True)
class FenceOff:
    """Nothing of the cluster reaches anything but its own nodes, nor is it reached by anything.

    But by its host, which is the way by which it is looked at.
    """

    name: str = "fence-off"
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.MACHINES

    def inject(self, target: Target) -> None:
        """On every node drop all that comes from, or goes to, another place than its nodes, their pods and its host."""
        nodes = _nodes(target)
        own = [_address(target, node) for node in nodes]
        for node in nodes:
            places = (*own, *_pods(target, node, own), _host(target, node))
            rules = []
            for chain, card, way in (("PREROUTING", "-i", "-s"), ("POSTROUTING", "-o", "-d")):
                rules += [f"-I {chain} 1 {card} eth0 {way} {place} -j ACCEPT" for place in places]
                rules += [f"-I {chain} {len(places) + 1} {card} eth0 -m comment --comment {_TAG} -j DROP"]
            # All at once: with half of them a node would be cut off from its own cluster.
            lines = "\n".join(("*mangle", *rules, "COMMIT", ""))
            target.machines.on_node(node, "iptables-restore", "--noflush", stdin=lines)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """The packets that were dropped; and all members still show their data. FaultHadNoEffect if nothing was."""

        def dropped() -> dict[str, str]:
            counts = {node: sum(_dropped(target, node)) for node in _nodes(target)}
            if not any(counts.values()):
                raise NotYet("no packet was dropped")
            return {node: f"{packets} packets were dropped" for node, packets in counts.items() if packets}

        try:
            seen = until(dropped, waited_for="packets into or out of the cluster", within_s=timeouts.DAMAGE_S)
        except TimedOut as error:
            raise FaultHadNoEffect(str(error)) from error
        running = {
            f"{member} runs on": f"at write {newest(store, member)}"
            for store in target.stores
            for member in store.members
        }
        return seen | running

    def undo(self, target: Target) -> None:
        """It stays fenced off: what goes on is another cluster, and this one is thrown away."""


def _nodes(target: Target) -> tuple[str, ...]:
    return tuple(node for node in target.machines.nodes() if target.machines.is_on(node))


def _address(target: Target, node: str) -> str:
    said = target.machines.on_node(node, "ip", "-4", "-o", "address", "show", "dev", "eth0")
    return _one(r"inet ([\d.]+)/", said, f"the address of {node}")


def _host(target: Target, node: str) -> str:
    said = target.machines.on_node(node, "ip", "-4", "route", "show", "default")
    return _one(r"via ([\d.]+)", said, f"the way out of {node}")


def _pods(target: Target, node: str, nodes: list[str]) -> list[str]:
    """The pod networks that a node reaches by other nodes of the cluster."""
    routes = target.machines.on_node(node, "ip", "-4", "route", "show")
    ways = (re.match(r"([\d.]+/\d+) via ([\d.]+)", line) for line in routes.splitlines())
    return [way[1] for way in ways if way and way[2] in nodes]


def _one(pattern: str, said: str, what: str) -> str:
    found = re.search(pattern, said)
    if not found:
        raise FaultHadNoEffect(f"{what} is not in: {said.strip()}")
    return found[1]


def _dropped(target: Target, node: str) -> Iterator[int]:
    """The packets that each of our rules on a node has dropped."""
    for line in target.machines.on_node(node, "iptables-save", "-c", "-t", "mangle").splitlines():
        if _TAG in line and (found := re.match(r"\[(\d+):", line)):
            yield int(found[1])
