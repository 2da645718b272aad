"""The network between nodes is cut: for one port, or around a whole cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness import deadlines
from harness.errors import FaultHadNoEffect, TimedOut
from harness.faults.loss import newest
from harness.model import Volume
from harness.ports import Target
from harness.wait import NotYet, until


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
        for node in _nodes(target):
            _lay(target, node, [f"-I FORWARD 1 -p tcp --dport {self.port} -m comment --comment {self._tag} -j DROP"])

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """The packets that were dropped, node by node. FaultHadNoEffect if nobody sends any."""
        return _dropped(target, self._tag, f"to port {self.port}")

    def undo(self, target: Target) -> None:
        """Take the rule away, wherever it is."""
        for node in _nodes(target):
            for rule, _ in _rules(target, node, self._tag):
                target.machines.on_node(node, "iptables", "-t", "mangle", "-D", *rule)

    @property
    def _tag(self) -> str:
        return f"cut-port-{self.port}"


@dataclass(frozen=True)
class FenceOff:
    """The cluster runs on, and nothing of it reaches anything but its own nodes, nor is it reached by anything.

    But by its host, which is the way by which it is looked at.
    """

    name: str = "fence-off"
    needs: tuple[str, ...] = ()

    def inject(self, target: Target) -> None:
        """On every node drop all that comes from, or goes to, another place than its nodes, their pods and its host."""
        nodes = _nodes(target)
        own = [_address(target, node) for node in nodes]
        for node in nodes:
            places = (*own, *_pods(target, node, own), _host(target, node))
            rules = []
            for chain, card, way in (("PREROUTING", "-i", "-s"), ("POSTROUTING", "-o", "-d")):
                rules += [f"-I {chain} 1 {card} eth0 {way} {place} -j ACCEPT" for place in places]
                rules += [f"-I {chain} {len(places) + 1} {card} eth0 -m comment --comment {self.name} -j DROP"]
            _lay(target, node, rules)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """The packets that were dropped; and all members still show their data. FaultHadNoEffect if nothing was."""
        seen = dict(_dropped(target, self.name, "into or out of the cluster"))
        for store in target.stores:
            for member in store.members:
                seen[f"{member} runs on"] = f"at write {newest(store, member)}"
        return seen

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


def _lay(target: Target, node: str, rules: list[str]) -> None:
    """All at once: with half of them a node would be cut off from its own cluster."""
    text = "\n".join(("*mangle", *rules, "COMMIT", ""))
    target.machines.on_node(node, "iptables-restore", "--noflush", stdin=text)


def _rules(target: Target, node: str, tag: str) -> Iterator[tuple[list[str], int]]:
    """Each rule that bears the tag, as it is to be taken away, and the packets that it has caught."""
    for line in target.machines.on_node(node, "iptables-save", "-c", "-t", "mangle").splitlines():
        found = re.match(r"\[(\d+):\d+\] -A (.*)", line)
        if found and tag in (words := found[2].replace('"', "").split()):
            yield words, int(found[1])


def _dropped(target: Target, tag: str, which: str) -> Mapping[str, str]:
    def dropped() -> Mapping[str, str]:
        counts = {node: sum(packets for _, packets in _rules(target, node, tag)) for node in _nodes(target)}
        if not any(counts.values()):
            raise NotYet("no packet was dropped")
        return {node: f"{packets} packets {which} were dropped" for node, packets in counts.items() if packets}

    try:
        return until(dropped, waited_for=f"packets {which}", within_s=deadlines.DAMAGE_S)
    except TimedOut as error:
        raise FaultHadNoEffect(str(error)) from error
