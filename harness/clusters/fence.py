"""The fence on the engine's host: nothing that a drill sends leaves the machine, and what tried is counted.

The rules are laid by a short-lived container in the host's own network, so that no right but that of using
the engine is needed, and Docker Desktop's hidden machine is fenced as well. The nodes have a fence of their
own (`clusters/node/network.sh`); this one also holds what is not a node, and what takes down the node's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.clusters.docker import LABEL, Docker
from harness.clusters.network import Network
from harness.core.errors import Misconfigured, ToolFailed

_TABLES = """
set -eu
ip4=iptables-nft; ip6=ip6tables-nft
if ! $ip4 -n -L DOCKER-USER >/dev/null 2>&1; then ip4=iptables-legacy; ip6=ip6tables-legacy; fi
[ -e /proc/net/if_inet6 ] || ip6=true
"""

# Forwarded packets are refused before docker's own rules see them; what is meant for the host itself is refused
# too, since a proxy there would carry it out. A packet that got past all that still bears the mark, and is counted.
_UP = """
lay() { table=$1 place=$2 chain=$3; shift 3
  $ip4 -t $table -C $chain "$@" 2>/dev/null || $ip4 -t $table $place $chain "$@"; }
lay mangle -A POSTROUTING -m mark --mark $mark ! -o $bridge -m comment --comment $tag
lay mangle -A FORWARD -i $bridge ! -o $bridge -m comment --comment $tag -j MARK --set-mark $mark
lay filter -I INPUT -i $bridge -m conntrack --ctstate NEW -m comment --comment $tag -j REJECT
lay filter -I DOCKER-USER -i $bridge ! -o $bridge -m comment --comment $tag -j REJECT
for chain in INPUT FORWARD; do
  $ip6 -C $chain -i $bridge -m comment --comment $tag -j REJECT 2>/dev/null ||
  $ip6 -I $chain -i $bridge -m comment --comment $tag -j REJECT
done
"""

_DOWN = """
for ip in $ip4 $ip6; do for table in filter mangle; do
  [ $ip != true ] || continue
  $ip-save -t $table | grep -E -- "--comment \\"?$tag\\"?( |\\$)" | sed 's/^-A/-D/; s/"//g' |
    while read -r rule; do $ip -t $table $rule; done
done; done
"""

_COUNT = '$ip4-save -c | grep -E -- "--comment \\"?$tag\\"?( |\\$)" || true'

_LIST = f'($ip4-save; [ $ip6 = true ] || $ip6-save) | grep -oE "{LABEL}:[a-z0-9-]+" | sort -u || true'


@dataclass(frozen=True)
class PacketCounts:
    """Packets that tried to leave the drill's network."""

    stopped: int
    escaped: int


@dataclass(frozen=True)
class NetworkIsolation:
    """The fence around one network. `image` is any that has bash and iptables: the node image."""

    docker: Docker
    network: Network
    image: str

    def up(self) -> None:
        """Lay the rules that are not there yet. Misconfigured if this engine's host can't be fenced."""
        try:
            self._on_host(_UP)
        except ToolFailed as error:
            raise Misconfigured(
                "cannot fence the drill off: drillproof needs a Docker engine that runs privileged containers"
                f" and has its iptables rules enabled; it said: {error.tail}"
            ) from error

    def down(self) -> None:
        """Take our rules away; none but ours, and none may be there."""
        self._on_host(_DOWN)

    def counts(self) -> PacketCounts:
        """What was stopped and what escaped since the fence was put up. ToolFailed if it is not up."""
        rules = re.findall(r"^\[(\d+):\d+\] -A (\S+) (.*)$", self._on_host(_COUNT), re.MULTILINE)
        stopped = [int(packets) for packets, chain, rule in rules if " -j REJECT" in rule]
        escaped = [int(packets) for packets, chain, _ in rules if chain == "POSTROUTING"]
        if len(stopped) != 2 or len(escaped) != 1:  # noqa: PLR2004 # INPUT and DOCKER-USER
            raise ToolFailed(["iptables-save"], 1, f"the fence of {self.network.name} is not (wholly) there")
        return PacketCounts(sum(stopped), sum(escaped))

    def _on_host(self, script: str) -> str:
        network = self.network
        words = {"tag": f"{LABEL}:{network.cluster}", "bridge": network.bridge, "mark": network.mark}
        return on_host(self.docker, self.image, script, words)


def blocked_on_node(docker: Docker, node: str) -> int:
    """How many packets a node's own fence has stopped."""
    rules = docker("exec", node, "iptables-save", "-c", "-t", "mangle")
    return sum(
        int(packets) for packets in re.findall(rf"^\[(\d+):\d+\] .*--comment {LABEL} -j DROP$", rules, re.MULTILINE)
    )


def on_host(docker: Docker, image: str, script: str, words: dict[str, str]) -> str:
    """Run a script about iptables in the network of the engine's host; `words` are its variables."""
    given = "".join(f"{name}={value}\n" for name, value in words.items())
    return docker(
        *("run", "--rm", "--pull=never", "--privileged", "--network=host", "--entrypoint=bash", image, "-c"),
        given + _TABLES + script,
    )


def isolated_clusters(docker: Docker, image: str) -> tuple[str, ...]:
    """The names of all clusters that have rules on the engine's host."""
    return tuple(tag.partition(":")[2] for tag in on_host(docker, image, _LIST, {}).splitlines())
