"""What dead runs left behind: found by our label, by the fence's tags and by the files under our state folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.docker import KIND_LABEL, LABEL, Docker
from harness.clusters.fence import NetworkIsolation, isolated_clusters
from harness.clusters.lock import Lock
from harness.clusters.network import Network
from harness.core import timeouts
from harness.core.errors import Misconfigured
from harness.core.process import registered

_KINDS = {"container": ("ps", "--all"), "volume": ("volume", "ls"), "network": ("network", "ls")}

PROCESSES = "processes"
"""The folder, in a cluster's own, that knows the running commands of its drill; see `process.registered`."""


@dataclass(frozen=True)
class Leftover:
    """All that stands of one cluster. `in_use` if a living drill has it."""

    cluster: str
    containers: tuple[str, ...]
    volumes: tuple[str, ...]
    networks: tuple[str, ...]
    processes: tuple[int, ...]
    fence: bool
    in_use: bool

    @property
    def words(self) -> str:
        """What it is, in a line."""
        things = (("containers", self.containers), ("volumes", self.volumes), ("networks", self.networks))
        told = [f"{len(found)} {what}" for what, found in (*things, ("processes", self.processes))]
        return f"cluster {self.cluster}: {', '.join(told)}{', its fence' if self.fence else ''}"


def leftovers(docker: Docker, state: Path, image: str = "") -> tuple[Leftover, ...]:
    """Everything of every cluster of ours. Rules of a fence are looked for with `image`, if one is given."""
    found = {kind: _labelled(docker, kind) for kind in _KINDS}
    tagged = isolated_clusters(docker, image) if image else ()
    homes = (path.stem for path in state.glob("*.lock") if path.with_suffix("").is_dir())
    names = {name for things in found.values() for name in things.values()} | {*tagged, *homes}
    return tuple(_leftover(docker, state, name, found, fence=name in tagged) for name in sorted(names))


def remove_cluster(docker: Docker, state: Path, name: str, image: str = "") -> str:
    """Remove one cluster of ours, though a living drill has it: that is ended first. Returns what it was, in words.

    Misconfigured for what is not ours.
    """
    known = [left.cluster for left in leftovers(docker, state, image)]
    if name not in known:
        ours = f"there are: {', '.join(known)}" if known else "there is none"
        raise Misconfigured(f"{name!r} is no cluster of drillproof's here, and nothing was removed; {ours}")
    lock = Lock(state / f"{name}.lock")
    ended = lock.evict(timeouts.DOWN_S)
    lock.acquire(f"the cluster {name}")
    try:
        found = [left for left in leftovers(docker, state, image) if left.cluster == name]
        for left in found:
            remove(docker, state, left, image)
    finally:
        lock.release()
    told = found[0].words if found else f"cluster {name}: taken down"
    return f"{told}; process {ended}, which used it, has ended" if ended else told


def remove(docker: Docker, state: Path, leftover: Leftover, image: str = "") -> None:
    """Remove it all, processes first, so that nothing is made anew meanwhile. Not for what is in use."""
    for process in leftover.processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)  # process.py makes each command the leader of a group
    for kind, things in (
        ("container", leftover.containers),
        ("volume", leftover.volumes),
        ("network", leftover.networks),
    ):
        if things:
            flags = ("--force", "--volumes") if kind == "container" else ()
            docker(kind, "rm", *flags, *things, within_s=120)
    if leftover.fence and image:
        NetworkIsolation(docker, Network(docker, leftover.cluster), image).down()
    shutil.rmtree(state / leftover.cluster, ignore_errors=True)


def _leftover(docker: Docker, state: Path, name: str, found: dict[str, dict[str, str]], *, fence: bool) -> Leftover:
    def mine(kind: str) -> tuple[str, ...]:
        return tuple(sorted(thing for thing, owner in found[kind].items() if owner == name))

    networks = mine("network")
    # kind's nodes bear kind's labels only; what makes them ours is the network they hang on.
    nodes = {node for network in networks for node in _listed(docker, "container", f"network={network}")}
    return Leftover(
        cluster=name,
        containers=tuple(sorted(nodes | set(mine("container")))),
        volumes=mine("volume"),
        networks=networks,
        processes=registered(state / name / PROCESSES),
        fence=fence,
        in_use=Lock(state / f"{name}.lock").is_held(),
    )


def _labelled(docker: Docker, kind: str) -> dict[str, str]:
    """Names of all things of a kind that bear our label, and the cluster that each belongs to.

    Not kind's nodes: a label of theirs is their image's, and what makes them ours is their network.
    """
    nodes = set(_listed(docker, kind, f"label={KIND_LABEL}")) if kind == "container" else set()
    things = (thing for thing in _listed(docker, kind, f"label={LABEL}") if thing not in nodes)
    owners = ((thing, docker.label(kind, thing)) for thing in things)
    return {thing: owner for thing, owner in owners if owner}


def _listed(docker: Docker, kind: str, wanted: str) -> Iterable[str]:
    name = "{{.Names}}" if kind == "container" else "{{.Name}}"
    return docker.listed(*_KINDS[kind], "--filter", wanted, "--format", name)
