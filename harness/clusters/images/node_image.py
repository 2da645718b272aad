"""The node image: kind's, with the images of all pods unpacked in it, so a cluster loads none at its start."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.engine import Engine
from harness.clusters.images.versions import Image
from harness.core.errors import Misconfigured, ToolFailed

BAKE_WITHIN_S = 900
LABEL = "drillproof"
"""As on everything that drillproof creates, so that `gc` finds what a killed process left."""


def key(scripts: Path) -> str:
    """Changes with the scripts that build the node image."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(scripts.glob("*.sh")))).hexdigest()[:16]


@dataclass(frozen=True)
class NodeImageBuilder:
    """Builds node images with the scripts of one folder."""

    engine: Engine
    scripts: Path
    kubernetes: str

    def bake(self, base: str, archive: Path, tag: str, image: Image) -> None:
        """Build `tag` from the node image `base` and the images of `archive`. ToolFailed if a script fails."""
        name = f"drillproof-bake-{tag.rpartition(':')[2]}"
        run = self.engine.run
        run("rm", "--force", "--volumes", name)  # of an earlier process that was killed
        start = ("--detach", "--privileged", "--network=none", f"--label={LABEL}=images", "--volume=/bake")
        run("run", *start, "--name", name, "--entrypoint=sleep", base, "infinity")
        try:
            self._check(name, image)
            run("cp", f"{self.scripts}/.", f"{name}:/bake/")
            run("cp", archive, f"{name}:/bake/images.tar", within_s=BAKE_WITHIN_S)
            run("exec", name, "bash", "/bake/setup.sh", self.kubernetes)
            run("exec", name, "bash", "/bake/bake.sh", "/bake/images.tar", within_s=BAKE_WITHIN_S)
            # Without our label: every node created from the image would have it.
            changes = [f"ENTRYPOINT {json.dumps(image.entrypoint)}", "CMD []", f'LABEL {LABEL}=""']
            run("commit", *(f"--change={change}" for change in changes), name, tag, within_s=BAKE_WITHIN_S)
        finally:
            run("rm", "--force", "--volumes", name)

    def _check(self, container: str, image: Image) -> None:
        for program in image.programs:
            try:
                self.engine.run("exec", container, "bash", "-c", f"command -v {program}")
            except ToolFailed as error:
                raise Misconfigured(
                    f"the image {image.ref} has no {program}, which building the node image needs; "
                    f"pin a tag that has it, or use --images build"
                ) from error
