"""What a Docker engine leaves in the machine's network when it ends: bridges, firewall rules and chains."""

from __future__ import annotations

import contextlib
import json
import shlex
from pathlib import Path

from harness.core.process import run

CHAINS = ("DOCKER-USER", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2", "DOCKER")


def forget(books: bytes) -> None:
    """Remove the bridges of the networks that the engine's `books` name, and every rule about them.

    Docker's chains go, too, unless another Docker runs in this network.
    """
    links = json.loads(run(["ip", "-json", "link", "show", "type", "bridge"]).stdout or "[]")
    names = [link["ifname"] for link in links if link.get("ifname", "").startswith("br-")]
    bridges = {name for name in names if name.removeprefix("br-").encode() in books}
    for bridge in bridges:
        run(["ip", "link", "delete", bridge], check=False)
    chains = set() if _another_docker() else set(CHAINS)
    for tool in ("iptables", "ip6tables"):
        for table in ("filter", "nat"):
            _remove(tool, table, bridges | chains, chains)


def _remove(tool: str, table: str, words: set[str], chains: set[str]) -> None:
    """Delete every rule with one of `words` in it, then `chains`."""
    rules = [shlex.split(line) for line in run([tool, "-t", table, "-S"], check=False).stdout.splitlines()]
    for rule in rules:
        if rule[0] == "-A" and words.intersection(rule):
            run([tool, "-t", table, "-D", *rule[1:]], check=False)
    for rule in rules:
        if rule[0] == "-N" and rule[1] in chains:
            run([tool, "-t", table, "-X", rule[1]], check=False)


def _another_docker() -> bool:
    """Whether any Docker runs in this network: ours has ended when this is asked."""
    here = Path("/proc/self/ns/net").readlink()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name = (process / "comm").read_text(encoding="utf-8").strip()
            if name == "dockerd" and (process / "ns/net").readlink() == here:
                return True
    return False
