"""Images that the restored pods ask for, brought into a cluster that can pull none: it is fenced off."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from harness.clusters.docker import Docker
from harness.errors import HarnessError, Misconfigured
from harness.k8s import Object, items, text
from harness.supplies import Supplies

PULL_S = 900.0


def wanted(pods: Iterable[Object]) -> dict[str, str]:
    """Every image that these pods name, in full, with a pod that does."""
    return {
        full_name(text(container, "image")): f"{text(pod, 'metadata', 'namespace')}/{text(pod, 'metadata', 'name')}"
        for pod in pods
        for kind in ("initContainers", "containers")
        for container in items(pod, "spec", kind)
    }


def full_name(image: str) -> str:
    """`postgres` is short for `docker.io/library/postgres:latest`."""
    first, slash, _ = image.partition("/")
    has_host = slash and ("." in first or ":" in first or first == "localhost")
    name = image if has_host else f"docker.io/{image}" if slash else f"docker.io/library/{image}"
    return name if "@" in name or ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def on_nodes(supplied: Supplies, wanted: dict[str, str]) -> Supplies:
    """Supplies whose clusters have every image that is `wanted` by a pod on their nodes. Misconfigured, as `have`."""
    there = [ref for image in supplied.versions.images.values() for ref in (image.ref, *image.also)]
    return replace(supplied, more=have(supplied.docker, wanted, there))


def have(docker: Docker, images: dict[str, str], there: Collection[str]) -> tuple[str, ...]:
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
