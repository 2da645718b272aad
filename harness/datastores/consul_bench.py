"""How long the digest of a server's keys takes beside one full scan of them, and that of everything."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.datastores.consul_digest import digest, digest_of_keys
from harness.datastores.consul_server import Server


@dataclass(frozen=True)
class Timing:
    """In seconds, of one server."""

    scan_s: float  # all keys, read with plain HTTP as fast as they come, and thrown away
    keys_s: float  # all keys, digested
    digest_s: float  # everything, digested

    @property
    def ratio(self) -> float:
        """How many scans the digest of what was scanned costs."""
        return self.keys_s / self.scan_s


def measure(address: tuple[str, int], token: str, member: str, servers: tuple[str, ...], *, times: int = 3) -> Timing:
    """The best of some tries, so that what else the machine does counts least."""

    def scan() -> None:
        connection = http.client.HTTPConnection(*address, timeout=60)
        connection.request("GET", "/v1/kv/?recurse=true&stale=true", headers={"X-Consul-Token": token})
        answer = connection.getresponse()
        while answer.read(1 << 16):
            pass
        connection.close()

    with contextlib.closing(Server(member, address, token)) as server:
        actions = (scan, lambda: digest_of_keys(server), lambda: digest(server, server.about_its_data(), servers))
        best = [min(_seconds(action) for _ in range(times)) for action in actions]
    return Timing(*best)


def _seconds(action: Callable[[], object]) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun
