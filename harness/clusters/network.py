"""The drill's own docker network and its isolation on the engine's host: no packet leaves it, attempts are counted.

A short-lived container in the host's network sets the rules. So the right to use the engine suffices, and Docker
Desktop's hidden machine is covered, too. The nodes have rules of their own (`clusters/node/network.sh`); these also
cover what is not a node, and what removes a node's rules.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.docker import LABEL, Docker
from harness.core.errors import Misconfigured, ToolFailed

_ROUTES = Path("/proc/net/route")

_SCRIPT = Path(__file__).with_suffix(".sh").read_text(encoding="utf-8")


@dataclass
class Network:
    """The bridge of one cluster: IPv4 only, so that there is one way out to block.

    Addresses .2 to .62 are for nodes, which number their pod networks by them; .250 is the object store's.
    """

    docker: Docker
    cluster: str

    def __post_init__(self) -> None:
        self.name = f"{LABEL}-{self.cluster}"
        self._number = int.from_bytes(hashlib.sha256(self.cluster.encode()).digest()[:4], "big")
        # The interface on the engine's host is known in advance, so that it can be isolated before it exists.
        self.bridge = f"dp-{self._number:08x}"
        self.mark = f"{self._number | 1:#x}"  # a packet mark of this network's own

    @property
    def owner(self) -> str | None:
        """The cluster that a network of this name belongs to: "" for one of others, None if there is none."""
        return self.docker.label("network", self.name)

    def subnet(self) -> str:
        """The network's address range. ToolFailed if it does not exist."""
        return self.docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", self.name)

    def address(self, number: int) -> str:
        return f"{self.subnet().rsplit('.', 1)[0]}.{number}"

    def up(self) -> None:
        """Create it in an unused range, unless it exists."""
        if self.owner is not None:
            return
        taken = _routed()
        refused = ""
        for attempt in range(32):
            prefix = f"10.211.{(self._number + attempt) % 256}"
            if prefix in taken:
                continue
            addresses = (f"--subnet={prefix}.0/24", f"--gateway={prefix}.1", f"--ip-range={prefix}.0/26")
            bridge = f"--opt=com.docker.network.bridge.name={self.bridge}"
            try:
                self.docker("network", "create", f"--label={LABEL}={self.cluster}", *addresses, bridge, self.name)
            except ToolFailed as error:
                refused = str(error)
            else:
                return
        raise Misconfigured(f"no network range is free in 10.211.0.0/16: {refused}; remove networks that nobody uses")

    def down(self) -> None:
        """Remove it, if drillproof created it."""
        if self.owner == self.cluster:
            self.docker("network", "rm", self.name)


def _routed() -> frozenset[str]:
    """The /24 prefixes that this machine already routes; docker knows only its own."""
    if not _ROUTES.exists():
        return frozenset()
    targets = (line.split()[1] for line in _ROUTES.read_text().splitlines()[1:])
    return frozenset(".".join(str(part) for part in bytes.fromhex(target)[:0:-1]) for target in targets)


@dataclass(frozen=True)
class PacketCounts:
    """Packets that tried to leave the drill's network."""

    stopped: int
    escaped: int


@dataclass(frozen=True)
class NetworkIsolation:
    """The rules around one network. `image` is any that has bash and iptables: the node image."""

    docker: Docker
    network: Network
    image: str

    def up(self) -> None:
        """Set the rules that are missing. Misconfigured if the engine's host does not take them."""
        try:
            self._on_host("up")
        except ToolFailed as error:
            raise Misconfigured(
                f"network isolation cannot be set up: {error.tail}; use a Docker engine that may run privileged"
                " containers and has its iptables rules enabled"
            ) from error

    def down(self) -> None:
        """Remove our rules, and no others; there may be none."""
        self._on_host("down")

    def counts(self) -> PacketCounts:
        """What was stopped and what escaped since `up`. ToolFailed if a rule is missing."""
        rules = re.findall(r"^\[(\d+):\d+\] -A (\S+) (.*)$", self._on_host("count"), re.MULTILINE)
        stopped = [int(packets) for packets, chain, rule in rules if " -j REJECT" in rule]
        escaped = [int(packets) for packets, chain, _ in rules if chain == "POSTROUTING"]
        if len(stopped) != 2 or len(escaped) != 1:  # noqa: PLR2004 # INPUT and DOCKER-USER
            raise ToolFailed(["iptables-save"], 1, f"the isolation of {self.network.name} lacks rules")
        return PacketCounts(sum(stopped), sum(escaped))

    def _on_host(self, function: str) -> str:
        variables = f"tag={LABEL}:{self.network.cluster}\nbridge={self.network.bridge}\nmark={self.network.mark}\n"
        return _on_host(self.docker, self.image, variables, function)


def blocked_on_node(docker: Docker, node: str) -> int:
    """How many packets a node's own rules have blocked."""
    rules = docker("exec", node, "iptables-save", "-c", "-t", "mangle")
    blocked = re.findall(rf"^\[(\d+):\d+\] .*--comment {LABEL} -j DROP$", rules, re.MULTILINE)
    return sum(map(int, blocked))


def isolated_clusters(docker: Docker, image: str) -> tuple[str, ...]:
    """The names of all clusters that have rules on the engine's host."""
    tags = _on_host(docker, image, f"tag={LABEL}\n", "clusters").splitlines()
    return tuple(tag.partition(":")[2] for tag in tags)


def _on_host(docker: Docker, image: str, variables: str, function: str) -> str:
    host = ("--rm", "--pull=never", "--privileged", "--network=host", "--entrypoint=bash")
    return docker("run", *host, image, "-c", f"{variables}{_SCRIPT}{function}\n")
