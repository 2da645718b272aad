"""The fence against a real kernel: packets are sent and counted, inside network namespaces of the test's own."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.clusters.docker import Docker
from harness.clusters.network import Network, NetworkIsolation, PacketCounts
from harness.core.errors import TimedOut, ToolFailed
from harness.core.process import run, spawn
from harness.core.wait import NotYet, until

OUTSIDE = "198.51.100.2"  # an address for documentation; the interface to it leads nowhere
HOST = """
set -e
ip link add out type veth peer name beyond
ip address add 198.51.100.1/24 dev out
ip link set out up
ip link set beyond up
ip neighbor add 198.51.100.2 lladdr 02:00:00:00:00:02 dev out
ip link add {bridge} type bridge
ip address add 10.211.1.1/24 dev {bridge}
ip link set {bridge} up
ip link add inside type veth peer name eth0 netns {drill}
ip link set inside master {bridge} up
echo 1 > /proc/sys/net/ipv4/ip_forward
iptables-nft -N DOCKER-USER
iptables-nft -I FORWARD -j DOCKER-USER
"""
DRILL = """
set -e
ip address add 10.211.1.2/24 dev eth0
ip link set eth0 up
ip route add default via 10.211.1.1
"""


@dataclass(frozen=True)
class HostOnly(Docker):
    """A docker that runs the fence's scripts in the namespace that plays the engine's host."""

    binary: Path = Path("docker")
    namespace: int = 0

    def __call__(self, *args: str | Path, within_s: float = 120, secrets: Mapping[str, str] | None = None) -> str:
        return within(self.namespace, str(args[-1]))


@dataclass(frozen=True)
class Scene:
    fence: NetworkIsolation
    host: int
    drill: int

    def send(self, to: str) -> None:
        within(self.drill, f"echo hello > /dev/udp/{to}/9 || true")


def within(namespace: int, script: str) -> str:
    enter = ["nsenter", f"--target={namespace}", "--user", "--net", "--preserve-credentials"]
    return run([*enter, "bash", "-c", script]).stdout


@contextlib.contextmanager
def namespace(inside: int | None = None) -> Iterator[int]:
    """A network namespace, as long as the block lasts."""
    unshare = ["unshare", "--net", "sleep", "60"]
    if inside is None:
        unshare[1:1] = ["--user", "--map-root-user"]
    else:
        unshare[:0] = ["nsenter", f"--target={inside}", "--user", "--net", "--preserve-credentials"]
    with spawn(unshare) as process:

        def there() -> None:
            running = Path(f"/proc/{process.pid}/comm").read_text().strip()
            if running != "sleep":  # it is started when the namespace is all set up
                raise NotYet(running)

        until(there, waited_for="a network namespace", within_s=5, every_s=0.01)
        yield process.pid


@pytest.fixture
def scene() -> Iterator[Scene]:
    if not all(shutil.which(program) for program in ("unshare", "nsenter", "ip", "iptables-nft")):
        pytest.skip("needs unshare, nsenter, ip and iptables-nft")
    with contextlib.ExitStack() as stack:
        try:
            host = stack.enter_context(namespace())
        except (TimedOut, OSError) as error:
            pytest.skip(f"this machine does not let us make network namespaces: {error}")
        drill = stack.enter_context(namespace(inside=host))
        docker = HostOnly(namespace=host)
        network = Network(docker, "one")
        within(host, HOST.format(bridge=network.bridge, drill=drill))
        within(drill, DRILL)
        yield Scene(NetworkIsolation(docker, network, "node:1"), host, drill)


def test_nothing_gets_out_and_what_tried_is_counted(scene: Scene) -> None:
    scene.fence.up()
    scene.fence.up()
    scene.send(OUTSIDE)
    scene.send("10.211.1.1")  # a proxy on the host would carry it out
    assert scene.fence.counts() == PacketCounts(stopped=2, escaped=0)


def test_what_gets_out_through_a_hole_is_counted(scene: Scene) -> None:
    scene.fence.up()
    within(scene.host, "iptables-nft -I DOCKER-USER -j ACCEPT")
    scene.send(OUTSIDE)
    assert scene.fence.counts() == PacketCounts(stopped=0, escaped=1)


def test_a_fence_that_is_taken_down_leaves_nothing_and_takes_only_its_own(scene: Scene) -> None:
    before = within(scene.host, "iptables-nft-save; ip6tables-nft-save")
    other = NetworkIsolation(scene.fence.docker, Network(scene.fence.docker, "one-more"), "node:1")
    other.up()
    scene.fence.up()
    other.down()
    assert scene.fence.counts() == PacketCounts(0, 0)
    scene.fence.down()
    scene.fence.down()
    after = within(scene.host, "iptables-nft-save; ip6tables-nft-save")
    assert "drillproof" not in after
    assert all(rule in after for rule in before.splitlines() if rule.startswith("-A"))
    with pytest.raises(ToolFailed):
        scene.fence.counts()
