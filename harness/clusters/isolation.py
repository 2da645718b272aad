"""Network isolation on the engine's host: no packet of a drill leaves the machine, and attempts are counted.

A short-lived container in the host's network sets the rules. So the right to use the engine suffices, and Docker
Desktop's hidden machine is covered, too. The nodes have rules of their own (`clusters/node/network.sh`); these also
cover what is not a node, and what removes a node's rules.
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

# Forwarded packets are refused before docker's own rules see them; packets for the host itself are refused too, since
# a proxy there would pass them on. A packet that escapes all that still has the mark, and is counted.
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
    """The rules around one network. `image` is any that has bash and iptables: the node image."""

    docker: Docker
    network: Network
    image: str

    def up(self) -> None:
        """Set the rules that are missing. Misconfigured if the engine's host does not take them."""
        try:
            self._on_host(_UP)
        except ToolFailed as error:
            raise Misconfigured(
                f"network isolation cannot be set up: {error.tail}; use a Docker engine that may run privileged"
                " containers and has its iptables rules enabled"
            ) from error

    def down(self) -> None:
        """Remove our rules, and no others; there may be none."""
        self._on_host(_DOWN)

    def counts(self) -> PacketCounts:
        """What was stopped and what escaped since `up`. ToolFailed if a rule is missing."""
        rules = re.findall(r"^\[(\d+):\d+\] -A (\S+) (.*)$", self._on_host(_COUNT), re.MULTILINE)
        stopped = [int(packets) for packets, chain, rule in rules if " -j REJECT" in rule]
        escaped = [int(packets) for packets, chain, _ in rules if chain == "POSTROUTING"]
        if len(stopped) != 2 or len(escaped) != 1:  # noqa: PLR2004 # INPUT and DOCKER-USER
            raise ToolFailed(["iptables-save"], 1, f"the isolation of {self.network.name} lacks rules")
        return PacketCounts(sum(stopped), sum(escaped))

    def _on_host(self, script: str) -> str:
        network = self.network
        variables = {"tag": f"{LABEL}:{network.cluster}", "bridge": network.bridge, "mark": network.mark}
        return on_host(self.docker, self.image, script, variables)


def blocked_on_node(docker: Docker, node: str) -> int:
    """How many packets a node's own rules have blocked."""
    rules = docker("exec", node, "iptables-save", "-c", "-t", "mangle")
    blocked = re.findall(rf"^\[(\d+):\d+\] .*--comment {LABEL} -j DROP$", rules, re.MULTILINE)
    return sum(map(int, blocked))


def on_host(docker: Docker, image: str, script: str, variables: dict[str, str]) -> str:
    """Run an iptables script in the network of the engine's host."""
    assignments = "".join(f"{name}={value}\n" for name, value in variables.items())
    return docker(
        *("run", "--rm", "--pull=never", "--privileged", "--network=host", "--entrypoint=bash", image, "-c"),
        assignments + _TABLES + script,
    )


def isolated_clusters(docker: Docker, image: str) -> tuple[str, ...]:
    """The names of all clusters that have rules on the engine's host."""
    return tuple(tag.partition(":")[2] for tag in on_host(docker, image, _LIST, {}).splitlines())
