"""Removes clusters, containers and processes that earlier drills left behind."""

from __future__ import annotations

from harness.clusters import cleanup, local, private_engine
from harness.clusters.docker import Docker
from harness.clusters.engine import find_engine
from harness.clusters.images import versions
from harness.core import paths, resources
from harness.core.errors import Misconfigured


def remove(name: str) -> str:
    """Remove one cluster of ours, whoever uses it; return what it was, in words. Misconfigured if it is none."""
    engine = find_engine(paths.cache())
    if engine is None:
        raise Misconfigured(f"no container engine runs, so no cluster {name}; `drillproof gc` removes the rest")
    docker = Docker(engine.docker, engine.env())
    return cleanup.remove_cluster(docker, paths.state(), name, _node_image(docker))


def _node_image(docker: Docker) -> str:
    return next(iter(docker.listed("images", "--quiet", "drillproof/node")), "")


def gc() -> tuple[str, ...]:
    """Remove what dead drills left behind, the private engine's processes included; return what it was, in words.

    EngineUnresponsive if an engine runs and does not answer; Misconfigured where a living drill needs what is left.
    """
    engine = find_engine(paths.cache())
    if engine is None:
        private_engine.stop(paths.cache())
        return ()
    docker = Docker(engine.docker, engine.env())
    image = _node_image(docker)
    if local.is_building():
        raise Misconfigured("images are being built by another process; wait for it, then run gc again")
    found = cleanup.leftovers(docker, paths.state(), image)
    dead = [left for left in found if not left.in_use]
    for leftover in dead:
        cleanup.remove(docker, paths.state(), leftover, image)
    pruned: tuple[str, ...] = ()
    if dead == list(found):
        pruned = local.images(engine, versions.load(resources.clusters() / "versions.toml")).prune()
        if engine.private:
            docker("volume", "prune", "--force")  # without a name and a user: what killed containers left
            private_engine.stop(paths.cache())
    return (*pruned, *(left.words for left in dead))
