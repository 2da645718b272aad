"""Consul's servers are told of peers that do not exist."""

from __future__ import annotations

from harness.faults.command import Command
from harness.faults.observations import logged

_WRITE = """
peer() { printf '{"id": "00000000-0000-0000-0000-00000000000%s", "address": "10.244.255.%s:8300"}' "$1" "$1"; }
echo "[$(peer 1), $(peer 2), $(peer 3)]" >/consul/data/raft/peers.json
"""

STALE_PEERS = Command(
    "stale-peers",
    "consul",
    ("consul-0", "consul-1", "consul-2"),
    ("sh", "-ec", _WRITE),
    logged("not part of stable configuration"),
    restart="consul",
)
"""Every server is started with a `peers.json` of another cluster: it is part of no quorum, and elects nobody."""
