"""What a drill needs before it can begin: an engine, images, programs, and room on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from harness import data
from harness.backups.velero import VeleroEngine
from harness.backups.velero_install import Release
from harness.clusters.docker import Docker
from harness.clusters.kind import KindCluster, Programs
from harness.clusters.lock import Lock
from harness.deployment import Deployment
from harness.engine.engine import Engine, ensure_engine
from harness.errors import Misconfigured
from harness.ground import SiteCluster
from harness.images import versions
from harness.images.images import Images, Ready
from harness.model import Json

IMAGES_BYTES = 8_000_000_000
"""Images, nodes and platform of one cluster; what a first build needs on top is asked for by the build."""


@dataclass(frozen=True)
class Supplies:
    """All of it, made ready. Implements `harness.ground.Ground`."""

    engine: Engine
    versions: versions.Versions
    ready: Ready
    more: tuple[str, ...] = ()  # images of the engine's that its clusters have beside ours

    @property
    def programs(self) -> Programs:
        """The programs that a cluster needs."""
        return Programs(self.docker, self.ready.tools.kind, self.ready.tools.kubectl)

    @property
    def kubectl(self) -> Path:
        """The program."""
        return self.ready.tools.kubectl

    @property
    def fenced(self) -> bool:
        """Around each of them."""
        return True

    @property
    def docker(self) -> Docker:
        """The engine's docker."""
        return Docker(self.engine.docker, self.engine.env())

    @property
    def release(self) -> Release:
        """Which Velero."""
        refs = {name: image.ref for name, image in self.versions.images.items()}
        checker = partial(images(self.engine, self.versions).program, "kopia-check")
        return Release(self.ready.tools.velero, refs["velero"], refs["velero-plugin-for-aws"], checker)

    def cluster(self, name: str) -> KindCluster:
        """The cluster of this name; nothing is made yet."""
        return KindCluster(
            name,
            self.programs,
            node_image=self.ready.node,
            minio_image=self.ready.minio,
            topology=data.clusters(),
            state=state(),
            images=self.more,
        )

    def backup_engine(
        self,
        cluster: SiteCluster,
        uploader: str,
        run: str,  # noqa: ARG002 # of the seam
    ) -> VeleroEngine:
        """What takes the backups of a run: Velero, all whose backups are ours."""
        return VeleroEngine(cluster, lambda: cluster.store, self.release, uploader=uploader)

    def fitted(self, deployment: Deployment, cluster: SiteCluster) -> Deployment:  # noqa: ARG002 # of the seam
        """As its manifests say: the cluster was made for it."""
        return deployment

    def facts(self) -> dict[str, Json]:
        """What a report says of them."""
        docker = self.engine.run("version", "--format", "{{.Server.Version}}")
        whose = "private" if self.engine.private else "the machine's own"
        return {
            "kubernetes": self.versions.kubernetes,
            "docker": f"{docker} ({whose})",
            "node image": self.ready.node,
            "images": {name: asdict(image) for name, image in self.ready.images.items()},
        }


def ensure(mode: str, mirror: str | None, say: Callable[[str], None], extras: Sequence[str] = ()) -> Supplies:
    """Make all of it ready, with these `extras` of versions.toml. Misconfigured where the user has to do something."""
    pinned = versions.load(data.clusters() / "versions.toml")
    room(IMAGES_BYTES, "a drill's images and nodes")
    engine = ensure_engine(cache())
    return Supplies(engine, pinned, images(engine, pinned, mode, mirror, say).with_extras(extras))


def images(
    engine: Engine,
    pinned: versions.Versions,
    mode: str = "auto",
    mirror: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Images:
    """The images as the pins want them; nothing is made yet."""
    return Images(engine, pinned, data.clusters() / "images", cache(), mode=mode, mirror=mirror, progress=say)


def kubectl() -> Path | None:
    """The machine's own kubectl, or the one that an earlier drill made; None if there is neither."""
    if own := shutil.which("kubectl"):
        return Path(own)
    return max((cache() / "ready").glob("*/kubectl"), key=lambda made: made.stat().st_mtime, default=None)


def building() -> bool:
    """Whether a living process is making images now."""
    return Lock(cache() / "images.lock").is_taken()


def cache() -> Path:
    """The user's cache folder of drillproof."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drillproof"


def state() -> Path:
    """What must be known of all clusters of this user."""
    return cache() / "clusters"


def room(needed: int, what: str, smaller: str = "") -> None:
    """Misconfigured if the disk that the cache is on has not that many bytes free; `smaller` is how to need less."""
    place = cache()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise Misconfigured(
            f"{what} need {needed / 1e9:.0f} GB, and the disk of {place} has {free / 1e9:.0f} GB free; "
            f"make room, {f'{smaller}, ' if smaller else ''}or set XDG_CACHE_HOME to a larger disk"
        )
