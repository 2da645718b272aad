"""Images of a user's application, brought into the engine, so that isolated nodes need not pull them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from harness.clusters.docker import Docker
from harness.clusters.local import LocalEnvironment
from harness.core.errors import HarnessError, Misconfigured

PULL_S = 900.0


def with_images(supplied: LocalEnvironment, wanted: dict[str, str]) -> LocalEnvironment:
    """Supplies whose clusters have every image that is `wanted` by a pod on their nodes. Misconfigured, as `have`."""
    there = [ref for image in supplied.versions.images.values() for ref in (image.ref, *image.also)]
    return replace(supplied, more=pull_missing(supplied.docker, wanted, there))


def pull_missing(docker: Docker, images: dict[str, str], there: Collection[str]) -> tuple[str, ...]:
    """Bring all that are not `there` on the nodes into the engine, and name them. Misconfigured if one cannot be."""
    missing = tuple(sorted(images.keys() - set(there)))
    for image in missing:
        try:
            docker("image", "inspect", "--format={{.Id}}", image)
        except HarnessError:
            try:
                docker("pull", "--quiet", image, within_s=PULL_S)
            except HarnessError as error:
                why = str(error).splitlines()[-1]
                raise Misconfigured(
                    f"the image {image} (of {images[image]}) is not in the engine, and cannot be pulled: {why}; "
                    "bring it there with `docker load`"
                ) from error
    return missing
