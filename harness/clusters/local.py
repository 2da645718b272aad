"""The environment on this machine: an engine, images, programs and disk space."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from harness.backups import data_mover
from harness.backups.data_mover import Snapshots
from harness.backups.velero import VeleroEngine
from harness.backups.velero_install import Release
from harness.clusters import csi_driver
from harness.clusters.docker import Docker
from harness.clusters.engine import ensure_engine
from harness.clusters.environment import EnvironmentCluster
from harness.clusters.images import versions
from harness.clusters.images.images import ImageProvider, PreparedImages, compiled
from harness.clusters.kind import KindCluster
from harness.core.errors import HarnessError, Misconfigured
from harness.core.model import Json
from harness.core.paths import cache, require_disk_space
from harness.workloads.deployment import Deployment

IMAGES_BYTES = 8_000_000_000
"""Images, nodes and platform of one cluster."""


PULL_S = 900.0


@dataclass(frozen=True)
class LocalEnvironment:
    """All of it, ready for use. Implements `harness.clusters.environment.Environment`."""

    docker: Docker  # of the engine
    versions: versions.Versions
    ready: PreparedImages
    lane: str  # of Velero
    snapshots: bool = False  # whether volumes that are backed up are on storage with snapshots
    extra_images: tuple[str, ...] = ()  # of the engine, loaded onto the nodes

    @property
    def kubectl(self) -> Path:
        return self.ready.tools.kubectl

    @property
    def isolated(self) -> bool:
        return True

    @property
    def release(self) -> Release:
        server, plugin = self.versions.velero_image(self.lane), self.versions.images["velero-plugin-for-aws"]
        checker = partial(compiled, self.versions, "kopia-check")
        backs_up = self.versions.lanes[self.lane].backs_up
        return Release(self.ready.tools.velero, server.ref, plugin.ref, checker, backs_up)

    def cluster(self, name: str) -> KindCluster:
        return KindCluster(name, self.docker, self.ready, self.extra_images)

    def backup_engine(self, cluster: EnvironmentCluster, uploader: str, run: str) -> VeleroEngine:  # noqa: ARG002 # all of its backups are the run's
        if uploader != data_mover.NAME:
            return VeleroEngine(cluster.kubectl, lambda: cluster.store, self.release, uploader=uploader)
        driver = Snapshots(partial(csi_driver.install, cluster.kubectl, self.versions), csi_driver.CLASS)
        kopia = data_mover.KOPIA
        return VeleroEngine(cluster.kubectl, lambda: cluster.store, self.release, uploader=kopia, snapshots=driver)

    def adapt(self, deployment: Deployment, cluster: EnvironmentCluster) -> Deployment:  # noqa: ARG002 # of the seam
        """Unchanged, but for the storage of what is backed up: the cluster was created for it."""
        if not self.snapshots:
            return deployment
        claims = csi_driver.claims_to_copy(deployment.objects)
        return replace(deployment, adapt=partial(csi_driver.with_snapshots, claims))

    def facts(self) -> dict[str, Json]:
        version = self.docker("version", "--format", "{{.Server.Version}}")
        owner = "private" if self.docker.private else "the machine's own"
        return {
            "kubernetes": self.versions.kubernetes,
            "velero": self.versions.lanes[self.lane].version,
            "docker": f"{version} ({owner})",
            "node image": self.ready.node,
            "images": {name: asdict(image) for name, image in self.ready.images.items()},
        }


def prepare(
    mode: str,
    mirror: str | None,
    say: Callable[[str], None],
    extras: Sequence[str] = (),
    lane: str = "",
    *,
    wanted: Mapping[str, str] | None = None,
    snapshots: bool = False,
) -> LocalEnvironment:
    """Prepare all of it, with these `extras` of versions.toml and this lane of Velero ("" for the default one).

    Every `wanted` image, each given with a pod that needs it, gets on the nodes, too: as one of `extras` if it is one,
    else from the engine or a registry. With `snapshots`, also storage that has them. Misconfigured where the user has
    to do something.
    """
    pinned, wanted = versions.load(), wanted or {}
    extras = (*extras, *(image.name for image in pinned.extras.values() if not image.ours and image.ref in wanted))
    lane = lane or pinned.lane
    require_disk_space(IMAGES_BYTES, "a drill's images and nodes")
    docker = ensure_engine(cache())
    extras = (*extras, *csi_driver.IMAGES) if snapshots else extras
    images = ImageProvider(docker, pinned, mode, mirror or "", say).with_extras(extras, lane)
    names = [*pinned.images.values(), *(pinned.extras[name] for name in extras)]
    included = [ref for image in names for ref in (image.ref, *image.also)]
    return LocalEnvironment(docker, pinned, images, lane, snapshots, pull_missing(docker, wanted, included))


def pull_missing(docker: Docker, images: Mapping[str, str], included: Collection[str]) -> tuple[str, ...]:
    """Pull what the engine lacks of the images that the nodes do not include, and name these. Misconfigured."""
    missing = tuple(sorted(images.keys() - set(included)))
    for image in missing:
        if docker.image_id(image):
            continue
        try:
            docker("pull", "--quiet", image, within_s=PULL_S)
        except HarnessError as error:
            raise Misconfigured(
                f"the engine lacks the image {image} (of {images[image]}) and cannot pull it: "
                f"{str(error).splitlines()[-1]}; load it with `docker load`"
            ) from error
    return missing
