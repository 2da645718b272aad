"""The network fails: between a node and the object store, or around the whole cluster."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from harness.core.errors import FaultHadNoEffect, ToolFailed
from harness.core.json import text
from harness.core.kubernetes import find
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet
from harness.faults.base import BaseFault, damaged
from harness.faults.observations import newest
from harness.faults.velero import records

# A route for the store's address, which the node's pods use as well. A timer on the node removes it in the end, in case
# the harness is killed.
_UNDO = """
systemctl stop drillproof-cut.timer 2>/dev/null || true
ip route del unreachable "$1" 2>/dev/null || true
"""
_CUT = """
systemd-run --quiet --collect --unit=drillproof-cut --on-active=30min ip route del unreachable "$1"
ip route add unreachable "$1"
"""
_CONNECT = 'exec 3<>"/dev/tcp/$1/$2"'
_TAG = "drillproof-fence-off"


@dataclass(frozen=True)
class CutFromStore(BaseFault):
    """The node of a pod cannot reach the object store. Other nodes can, and the node itself works."""

    pod: str
    needs: tuple[str, ...] = ()
    title = "cut-from-store the node of {pod}"
    reach = Reach.MACHINES

    def inject(self, target: Target) -> None:
        self.undo(target)
        target.machines.on_node(self._node(target), *_bash(_CUT), str(_store(target).hostname))

    def damage(self, target: Target) -> Mapping[str, str]:
        """How a connection from this node fails, while one from every other node succeeds."""
        cut, store = self._node(target), _store(target)
        failed: dict[str, str] = {}
        for node in _running(target):
            try:
                target.machines.on_node(node, *_bash(_CONNECT), str(store.hostname), str(store.port), within_s=30)
            except ToolFailed as error:
                failed[node] = error.tail
        if set(failed) != {cut}:
            raise FaultHadNoEffect(
                f"only {cut} should fail to reach {store.netloc}; failing: {', '.join(failed) or 'none'}"
            )
        return {cut: failed[cut]}

    def undo(self, target: Target) -> None:
        """Remove it from every node: the pod may run elsewhere by now."""
        for node in _running(target):
            target.machines.on_node(node, *_bash(_UNDO), str(_store(target).hostname))

    def _node(self, target: Target) -> str:
        pod = find(target.cluster.kubectl, "pods", self.pod, target.namespace)
        if node := text(pod, "spec", "nodeName"):
            return node
        raise FaultHadNoEffect(f"no pod {self.pod} runs on a node")


@dataclass(frozen=True)
class IsolateCluster(BaseFault):
    """The cluster's nodes reach nothing but each other, and nothing else reaches them. All of it keeps running.

    Their host is excepted, because drillproof observes the cluster from it.
    """

    title = "isolate-cluster"
    reach = Reach.MACHINES

    def inject(self, target: Target) -> None:
        """On every node drop packets from and to everything but the nodes, their pods and their host."""
        nodes = _running(target)
        own = [_address(target, node) for node in nodes]
        for node in nodes:
            places = (*own, *_pod_networks(target, node, own), _host(target, node))
            rules = []
            for chain, card, way in (("PREROUTING", "-i", "-s"), ("POSTROUTING", "-o", "-d")):
                rules += [f"-I {chain} 1 {card} eth0 {way} {place} -j ACCEPT" for place in places]
                rules += [f"-I {chain} {len(places) + 1} {card} eth0 -m comment --comment {_TAG} -j DROP"]
            # In one transaction: with half of the rules a node would be cut off from its own cluster.
            lines = "\n".join(("*mangle", *rules, "COMMIT", ""))
            target.machines.on_node(node, "iptables-restore", "--noflush", stdin=lines)

    def damage(self, target: Target) -> Mapping[str, str]:
        """How many packets each node dropped, while every member can still be read."""

        def dropped() -> dict[str, str]:
            counts = {node: sum(_dropped(target, node)) for node in _running(target)}
            if not any(counts.values()):
                raise NotYet("no packet was dropped")
            return {node: f"{packets} packets were dropped" for node, packets in counts.items() if packets}

        seen = damaged(dropped, waiting_for="packets into or out of the cluster")
        running = {
            f"{member} runs on": f"at write {newest(store, member)}"
            for store in target.stores
            for member in store.members
        }
        return seen | running


def _running(target: Target) -> tuple[str, ...]:
    return tuple(node for node in target.machines.nodes() if target.machines.is_on(node))


def _bash(script: str) -> tuple[str, ...]:
    return ("bash", "-ec", script, "bash")


def _store(target: Target) -> SplitResult:
    """The object store's URL as Velero uses it."""
    found = records(target, "backupstoragelocations")
    urls = [url for location in found if (url := text(location, "spec", "config", "s3Url"))]
    if not urls:
        raise FaultHadNoEffect("no BackupStorageLocation has an s3Url")
    return urlsplit(urls[0])


def _address(target: Target, node: str) -> str:
    output = target.machines.on_node(node, "ip", "-4", "-o", "address", "show", "dev", "eth0")
    return _one(r"inet ([\d.]+)/", output, f"the address of {node}")


def _host(target: Target, node: str) -> str:
    output = target.machines.on_node(node, "ip", "-4", "route", "show", "default")
    return _one(r"via ([\d.]+)", output, f"the default route of {node}")


def _pod_networks(target: Target, node: str, nodes: list[str]) -> list[str]:
    """The pod networks that a node reaches through other nodes of the cluster."""
    routes = target.machines.on_node(node, "ip", "-4", "route", "show")
    ways = (re.match(r"([\d.]+/\d+) via ([\d.]+)", line) for line in routes.splitlines())
    return [way[1] for way in ways if way and way[2] in nodes]


def _one(pattern: str, output: str, what: str) -> str:
    found = re.search(pattern, output)
    if not found:
        raise FaultHadNoEffect(f"{what} is not in: {output.strip()}")
    return found[1]


def _dropped(target: Target, node: str) -> Iterator[int]:
    for line in target.machines.on_node(node, "iptables-save", "-c", "-t", "mangle").splitlines():
        if _TAG in line and (found := re.match(r"\[(\d+):", line)):
            yield int(found[1])
