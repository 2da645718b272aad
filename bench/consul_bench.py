"""How long the digest of a server's keys takes beside one full scan of them.

The scan is `GET /v1/kv/?recurse` of that server: its own reading of every key with its flags and value, which has no
cheaper form, as fast as a client takes the bytes and throws them away.
"""

from __future__ import annotations

import contextlib
import http.client

from bench.timing import Seconds, compared
from harness.workloads.consul.digest import digest_of_keys
from harness.workloads.consul.server import Server


def measure(address: tuple[str, int], token: str, member: str, *, rounds: int = 5) -> Seconds:
    """All keys of one server, which are one table to Consul."""

    def scan() -> None:
        connection = http.client.HTTPConnection(*address, timeout=60)
        connection.request("GET", "/v1/kv/?recurse=true&stale=true", headers={"X-Consul-Token": token})
        answer = connection.getresponse()
        while answer.read(1 << 16):
            pass
        connection.close()

    with contextlib.closing(Server(member, address, token)) as server:
        return compared(scan, lambda: digest_of_keys(server), rounds)
