"""What a drill needs before it can begin: an engine, images, programs, and room on the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from harness.backups.velero import VeleroEngine
from harness.backups.velero_install import Release
from harness.clusters.docker import Docker
from harness.clusters.engine import Engine, ensure_engine
from harness.clusters.environment import EnvironmentCluster
from harness.clusters.images import versions
from harness.clusters.images.images import ImageProvider, PreparedImages
from harness.clusters.kind import KindCluster, Programs
from harness.clusters.lock import Lock
from harness.core import resources
from harness.core.model import Json
from harness.core.paths import cache, require_disk_space, state
from harness.workloads.deployment import Deployment

IMAGES_BYTES = 8_000_000_000
"""Images, nodes and platform of one cluster; what a first build needs on top is asked for by the build."""


@dataclass(frozen=True)
class LocalEnvironment:
    """All of it, made ready. Implements `harness.clusters.environment.Environment`."""

    engine: Engine
    versions: versions.Versions
    ready: PreparedImages
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
            topology=resources.clusters(),
            state=state(),
            images=self.more,
        )

    def backup_engine(
        self,
        cluster: EnvironmentCluster,
        uploader: str,
        run: str,  # noqa: ARG002 # of the seam
    ) -> VeleroEngine:
        """What takes the backups of a run: Velero, all whose backups are ours."""
        return VeleroEngine(cluster, lambda: cluster.store, self.release, uploader=uploader)

    def fitted(self, deployment: Deployment, cluster: EnvironmentCluster) -> Deployment:  # noqa: ARG002 # of the seam
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


def prepare(mode: str, mirror: str | None, say: Callable[[str], None], extras: Sequence[str] = ()) -> LocalEnvironment:
    """Make all of it ready, with these `extras` of versions.toml. Misconfigured where the user has to do something."""
    pinned = versions.load(resources.clusters() / "versions.toml")
    require_disk_space(IMAGES_BYTES, "a drill's images and nodes")
    engine = ensure_engine(cache())
    return LocalEnvironment(engine, pinned, images(engine, pinned, mode, mirror, say).with_extras(extras))


def images(
    engine: Engine,
    pinned: versions.Versions,
    mode: str = "auto",
    mirror: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> ImageProvider:
    """The images as the pins want them; nothing is made yet."""
    return ImageProvider(
        engine, pinned, resources.clusters() / "images", cache(), mode=mode, mirror=mirror, progress=say
    )


def is_building() -> bool:
    """Whether a living process is making images now."""
    return Lock(cache() / "images.lock").is_held()
