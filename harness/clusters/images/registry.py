"""Pulls official images, from their own registries or from a mirror."""

from __future__ import annotations

import json
import socket
import tarfile
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.engine import Engine
from harness.clusters.images.layers import Layer, OciImage, digest_of
from harness.clusters.images.versions import Image
from harness.core.errors import Misconfigured

ANSWER_WITHIN_S = 3
PULL_WITHIN_S = 1800


@dataclass(frozen=True)
class Registry:
    """Where official images come from. `mirror` is HOST or HOST:PORT, "" for their own registries."""

    engine: Engine
    mirror: str = ""

    def answers(self, image: Image) -> bool:
        """Whether the registry of `image` can be reached; takes seconds."""
        proxies = self.engine.run("info", "--format", "{{.HTTPProxy}}{{.HTTPSProxy}}")
        if proxies:
            return True  # the engine goes by a proxy, so only a pull shows it
        host, _, port = (self.mirror or image.ref).partition("/")[0].partition(":")
        try:
            with socket.create_connection((host, int(port or 443)), ANSWER_WITHIN_S):
                return True
        except OSError:
            return False

    def address(self, image: Image) -> str:
        """The reference from which `image` is pulled."""
        return f"{self.mirror}/{image.ref.partition('/')[2]}" if self.mirror else image.ref

    def pull(self, image: Image, tag: str) -> None:
        """Pull `image` and tag it `tag`. ToolFailed if the registry or the engine refuses."""
        address = self.address(image)
        self.engine.run("pull", "--quiet", address, within_s=PULL_WITHIN_S)
        self.engine.run("tag", address, tag)
        if self.mirror:
            self.engine.run("rmi", address)

    def oci_image(self, image: Image, tag: str, into: Path) -> OciImage:
        """A pulled image as an archive's entry, flattened to one layer below the folder `into`.

        One layer has no deletions of lower layers' files, which could not be kept inside another image.
        """
        config = json.loads(self.engine.run("image", "inspect", "--format", "{{json .Config}}", tag))
        path = into / f"{image.name}.tar"
        container = self.engine.run("create", "--label", "drillproof=images", tag, "none")
        try:
            self.engine.run("export", "--output", path, container, within_s=600)
        finally:
            self.engine.run("rm", "--force", container)
        return OciImage((image.ref, *image.also), (Layer(path, digest_of(path)),), config)


def check_programs(image: Image, oci: OciImage) -> None:
    """Misconfigured unless the image has every program that our manifests need."""
    env = dict(entry.split("=", 1) for entry in _texts(oci.config.get("Env")))
    folders = env.get("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").split(":")
    there = {name for layer in oci.layers for name in _programs_of(layer.path)}
    for program in image.programs:
        places = [program] if program.startswith("/") else [f"{folder}/{program}" for folder in folders]
        if not any(_merged(place) in there for place in places):
            raise Misconfigured(
                f"the image {image.ref} has no {program}, which drillproof's manifests need (images.{image.name} "
                f"in versions.toml); pin a tag that has it, or use --images build"
            )


def _programs_of(layer: Path) -> set[str]:
    with tarfile.open(layer) as tar:
        return {_merged(member.name) for member in tar if not member.isdir()}


def _merged(place: str) -> str:
    """The same text for /bin/x and /usr/bin/x: one of the two folders is a link in most images."""
    return place.lstrip("./").removeprefix("usr/")


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
