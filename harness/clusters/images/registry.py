"""Pulls official images, from their own registries or from a mirror."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.docker import Docker
from harness.clusters.images.layers import Layer, OciImage, digest_of
from harness.clusters.images.versions import Image

ANSWER_WITHIN_S = 3
PULL_WITHIN_S = 1800


@dataclass(frozen=True)
class Registry:
    """Where official images come from. `mirror` is HOST or HOST:PORT, "" for their own registries."""

    docker: Docker
    mirror: str = ""

    def answers(self, image: Image) -> bool:
        """Whether the registry of `image` can be reached; takes seconds."""
        proxies = self.docker("info", "--format", "{{.HTTPProxy}}{{.HTTPSProxy}}")
        if proxies:
            return True  # the engine goes by a proxy, so only a pull shows it
        host, _, port = (self.mirror or image.ref).partition("/")[0].partition(":")
        try:
            with socket.create_connection((host, int(port or 443)), ANSWER_WITHIN_S):
                return True
        except OSError:
            return False

    def pull(self, image: Image, tag: str) -> None:
        """Pull `image` and tag it `tag`. ToolFailed if the registry or the engine refuses."""
        address = f"{self.mirror}/{image.ref.partition('/')[2]}" if self.mirror else image.ref
        self.docker("pull", "--quiet", address, within_s=PULL_WITHIN_S)
        self.docker("tag", address, tag)
        if self.mirror:
            self.docker("rmi", address)

    def oci_image(self, image: Image, tag: str, into: Path) -> OciImage:
        """A pulled image as an archive's entry, flattened to one layer below the folder `into`.

        One layer has no deletions of lower layers' files, which could not be kept inside another image.
        """
        config = json.loads(self.docker("image", "inspect", "--format", "{{json .Config}}", tag))
        path = into / f"{image.name}.tar"
        with self.docker.container_of(tag) as container:
            self.docker("export", "--output", path, container, within_s=600)
        return OciImage((image.ref, *image.also), (Layer(path, digest_of(path)),), config)
