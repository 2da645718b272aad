"""The drill's own docker network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.docker import LABEL, Docker
from harness.core.errors import Misconfigured, ToolFailed

_ROUTES = Path("/proc/net/route")


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
