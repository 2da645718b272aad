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
from harness.clusters.engine import ensure_engine, find_engine, require_startable
from harness.clusters.environment import EnvironmentCluster
from harness.clusters.images import versions
from harness.clusters.images.images import ImageProvider, PreparedImages, compiled, registry_answers
from harness.clusters.images.versions import Image
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
    item_block_workers: int = 1  # how many groups of related objects Velero backs up at once
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
        driver = None
        if uploader == data_mover.NAME:
            uploader = data_mover.KOPIA
            driver = Snapshots(partial(csi_driver.install, cluster.kubectl, self.versions), csi_driver.CLASS)
        return VeleroEngine(
            cluster.kubectl,
            lambda: cluster.store,
            self.release,
            uploader=uploader,
            snapshots=driver,
            item_block_workers=self.item_block_workers,
        )

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
    item_block_workers: int = 1,
) -> LocalEnvironment:
    """Prepare all of it, with these `extras` of versions.toml and this lane of Velero ("" for the default one).

    Every `wanted` image, each given with a pod that needs it, gets on the nodes, too: as one of `extras` if it is one,
    else from the engine or a registry. With `snapshots`, also storage that has them. Misconfigured where the user has
    to do something.
    """
    pinned, wanted = versions.load(), wanted or {}
    extras = (*extras, *(image.name for image in on_nodes(pinned, wanted).values() if image.name in pinned.extras))
    lane = lane or pinned.lane
    require_disk_space(IMAGES_BYTES, "a drill's images and nodes")
    docker = ensure_engine(cache())
    extras = (*extras, *csi_driver.IMAGES) if snapshots else extras
    images = ImageProvider(docker, pinned, mode, mirror or "", say).with_extras(extras, lane)
    included = on_nodes(pinned, wanted)
    extra = pull_missing(docker, wanted, included)
    return LocalEnvironment(docker, pinned, images, lane, snapshots, item_block_workers, extra)


def require_possible(
    mode: str, mirror: str | None, wanted: Mapping[str, str], by_entrypoint: Mapping[str, str]
) -> tuple[str, ...]:
    """Where each `wanted` image will come from, in a line. Misconfigured if a drill could not begin.

    Takes seconds: it pulls, builds and starts nothing. For `by_entrypoint` see `require_entrypoints`.
    """
    require_disk_space(IMAGES_BYTES, "a drill's images and nodes")
    docker = find_engine(cache())
    if docker is None:
        require_startable(cache())
        return tuple(f"image {ref} (of {pod}): looked for once the engine runs" for ref, pod in sorted(wanted.items()))
    if not wanted:
        return ()
    pinned = versions.load()
    names = {image.name for image in on_nodes(pinned, wanted).values()}
    sources = ImageProvider(docker, pinned, mode, mirror or "").sources(names)
    require_entrypoints(pinned, sources, by_entrypoint)
    return tuple(_supply(docker, pinned, sources, ref, pod) for ref, pod in sorted(wanted.items()))


def require_entrypoints(
    pinned: versions.Versions, sources: Mapping[str, str], by_entrypoint: Mapping[str, str]
) -> None:
    """Misconfigured if a container starts by the entrypoint of an image that is built here, and so has none.

    `sources` says by image whether it is built; `by_entrypoint` has such a container, by the image's full name.
    """
    for image in on_nodes(pinned, by_entrypoint).values():
        if image.ref in by_entrypoint and sources.get(image.name) == "built" and not image.entrypoint:
            raise Misconfigured(
                f"{by_entrypoint[image.ref]} starts by the entrypoint of {image.ref}, which is built here and has "
                "none; write a `command` that needs no docker-entrypoint.sh, or name a registry with --mirror HOST"
            )


def on_nodes(pinned: versions.Versions, wanted: Collection[str]) -> dict[str, Image]:
    """The images that the nodes include, by their full names: those of each drill, and the extras that are `wanted`."""
    every = [image for image in pinned.images.values() if image.name not in {"node", "minio"}]
    every += [image for image in pinned.extras.values() if not image.ours and image.ref in wanted]
    return {ref: image for image in every for ref in (image.ref, *image.also)}


def _supply(docker: Docker, pinned: versions.Versions, sources: Mapping[str, str], ref: str, pod: str) -> str:
    """Where an image comes from. Misconfigured if that is from nowhere."""
    if image := on_nodes(pinned, [ref]).get(ref):
        built = sources.get(image.name) == "built"
        lacks = "" if image.entrypoint else ", which has no docker-entrypoint.sh and runs as root"
        how = f"built here, not the official one{lacks}" if built else "the official one"
    elif docker.image_id(ref):
        how = "of the engine"
    elif registry_answers(docker, ref):
        how = "will be pulled"
    else:
        raise Misconfigured(lacking(ref, pod, f"{ref.partition('/')[0]} does not answer"))
    return f"image {ref} (of {pod}): {how}"


def lacking(ref: str, pod: str, why: str) -> str:
    return f"the engine lacks the image {ref} (of {pod}) and cannot pull it: {why}; load it with `docker load`"


def pull_missing(docker: Docker, images: Mapping[str, str], included: Collection[str]) -> tuple[str, ...]:
    """Pull what the engine lacks of the images that the nodes do not include, and name these. Misconfigured."""
    missing = tuple(sorted(images.keys() - set(included)))
    for image in missing:
        if docker.image_id(image):
            continue
        try:
            docker("pull", "--quiet", image, within_s=PULL_S)
        except HarnessError as error:
            raise Misconfigured(lacking(image, images[image], str(error).splitlines()[-1])) from error
    return missing
