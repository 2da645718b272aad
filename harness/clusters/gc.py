"""Removes what ended drills left: found by drillproof's label, by its firewall rules and by its state folder."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.clusters import private_engine
from harness.clusters.docker import KIND_LABEL, LABEL, Docker
from harness.clusters.engine import find_engine
from harness.clusters.images import versions
from harness.clusters.images.images import ImageProvider, build_lock
from harness.clusters.lock import SHARED_LOCK, Lock
from harness.clusters.network import Network, NetworkIsolation, isolated_clusters
from harness.core import paths, timeouts
from harness.core.errors import Misconfigured
from harness.core.process import registered

_KINDS = {"container": ("ps", "--all"), "volume": ("volume", "ls"), "network": ("network", "ls")}


@dataclass(frozen=True)
class Leftover:
    """Everything that exists of one cluster. `in_use` if a living drill has it."""

    cluster: str
    objects: Mapping[str, tuple[str, ...]]  # names of containers, volumes and networks, by kind
    processes: tuple[int, ...]
    isolation: bool
    in_use: bool

    def __str__(self) -> str:
        counts = [f"{len(names)} {kind}s" for kind, names in self.objects.items()]
        listed = ", ".join([*counts, f"{len(self.processes)} processes", *["network isolation"] * self.isolation])
        return f"cluster {self.cluster}: {listed}"


def gc() -> tuple[str, ...]:
    """Remove what ended drills left, the private engine's processes included; return what it was, in words.

    EngineUnresponsive if an engine runs and does not answer; Misconfigured where a running drill needs what is left.
    """
    docker = find_engine(paths.cache())
    if docker is None:
        private_engine.stop(paths.cache())
        return ()
    image = _node_image(docker)
    if build_lock(paths.cache()).is_held():
        raise Misconfigured("another process is building images; wait for its end, then run gc again")
    found = leftovers(docker, paths.state(), image)
    unused = [leftover for leftover in found if not leftover.in_use]
    for leftover in unused:
        remove(docker, paths.state(), leftover, image)
    pruned: tuple[str, ...] = ()
    if unused == list(found):
        pruned = ImageProvider(docker, versions.load()).prune()
        if docker.private:
            docker("volume", "prune", "--force")  # anonymous volumes of killed containers
            private_engine.stop(paths.cache())
    return (*pruned, *map(str, unused))


def gc_cluster(name: str) -> str:
    """Remove one cluster, also if a drill uses it; return what it was, in words. Misconfigured if it does not exist."""
    docker = find_engine(paths.cache())
    if docker is None:
        raise Misconfigured(f"no container engine runs, so no cluster {name}; `drillproof gc` removes the rest")
    return remove_cluster(docker, paths.state(), name, _node_image(docker))


def leftovers(docker: Docker, state: Path, image: str = "") -> tuple[Leftover, ...]:
    """Everything of every cluster that drillproof created; rules on the host are looked for with `image`, if given."""
    found = {kind: _labelled(docker, kind) for kind in _KINDS}
    isolated = isolated_clusters(docker, image) if image else ()
    homes = (path.stem for path in state.glob("*lock") if path.with_suffix("").is_dir())
    names = {name for objects in found.values() for name in objects.values()} | {*isolated, *homes}

    def leftover(name: str) -> Leftover:
        objects = {kind: {thing for thing, owner in found[kind].items() if owner == name} for kind in _KINDS}
        # kind's nodes have only kind's labels; they belong to the cluster of their network.
        for network in objects["network"]:
            objects["container"] |= set(_listed(docker, "container", f"network={network}"))
        processes = registered(state / name / paths.PROCESSES)
        listed = {kind: tuple(sorted(things)) for kind, things in objects.items()}
        return Leftover(name, listed, processes, name in isolated, _lock(state, name).is_held())

    return tuple(map(leftover, sorted(names)))


def remove_cluster(docker: Docker, state: Path, name: str, image: str = "") -> str:
    """As `gc_cluster`; a drill that uses it is ended first. Misconfigured for one that drillproof did not create."""
    known = [leftover.cluster for leftover in leftovers(docker, state, image)]
    if name not in known:
        ours = f"its clusters are: {', '.join(known)}" if known else "it has no cluster"
        raise Misconfigured(f"drillproof created no cluster {name!r} here, so nothing was removed; {ours}")
    lock = _lock(state, name)
    ended = lock.evict(timeouts.DOWN_S)
    lock.acquire(f"the cluster {name}")
    try:
        found = [leftover for leftover in leftovers(docker, state, image) if leftover.cluster == name]
        for leftover in found:
            remove(docker, state, leftover, image)
    finally:
        lock.release()
    removed = str(found[0]) if found else f"cluster {name}: removed by its drill"
    return f"{removed}; process {ended}, which used it, has ended" if ended else removed


def remove(docker: Docker, state: Path, leftover: Leftover, image: str = "") -> None:
    """Remove it all, processes first, so that they create nothing meanwhile. Not for what is in use."""
    for process in leftover.processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)  # process.py makes each command the leader of a group
    for kind, names in leftover.objects.items():
        if names:
            flags = ("--force", "--volumes") if kind == "container" else ()
            docker(kind, "rm", *flags, *names, within_s=120)
    if leftover.isolation and image:
        NetworkIsolation(docker, Network(docker, leftover.cluster), image).down()
    shutil.rmtree(state / leftover.cluster, ignore_errors=True)


def _lock(state: Path, name: str) -> Lock:
    shared = state / f"{name}{SHARED_LOCK}"
    return Lock(shared if shared.exists() else state / f"{name}.lock")


def _node_image(docker: Docker) -> str:
    return next(iter(docker.lines("images", "--quiet", "drillproof/node")), "")


def _labelled(docker: Docker, kind: str) -> dict[str, str]:
    """The names of everything of a kind that has drillproof's label, and the cluster that each belongs to.

    Not kind's nodes: their label comes from their image, and their network says whose they are.
    """
    nodes = set(_listed(docker, kind, f"label={KIND_LABEL}")) if kind == "container" else set()
    things = (thing for thing in _listed(docker, kind, f"label={LABEL}") if thing not in nodes)
    owners = ((thing, docker.label(kind, thing)) for thing in things)
    return {thing: owner for thing, owner in owners if owner}


def _listed(docker: Docker, kind: str, wanted: str) -> Iterable[str]:
    name = "{{.Names}}" if kind == "container" else "{{.Name}}"
    return docker.lines(*_KINDS[kind], "--filter", wanted, "--format", name)
