"""The disks that volumes lie on have no room."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target

_SOURCE = "drillproof-small-disk"
_CONFIG = ("configmaps", "--namespace=local-path-storage", "--field-selector=metadata.name=local-path-config")


@dataclass(frozen=True)
class SmallDisk:
    """On every node a small file system lies over the folder in which volumes are made, so that new ones lie on it.

    Small and not filled up: the machine's own disk, which every drill on it shares, is not touched.
    """

    kib: int
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.MACHINES

    @property
    def name(self) -> str:
        """How small."""
        return f"disks of {self.kib} KiB"

    def inject(self, target: Target) -> None:
        """Mount them."""
        folder = _folder(target)
        for node in target.machines.nodes():
            target.machines.on_node(node, "mkdir", "--parents", folder)
            options = f"size={self.kib}k"
            target.machines.on_node(node, "mount", "-t", "tmpfs", "-o", options, _SOURCE, folder)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """What each node itself says of the room in that folder."""
        folder = _folder(target)
        ask = ("df", "--block-size=1K", "--output=source,size", folder)
        said = {node: target.machines.on_node(node, *ask).split()[-2:] for node in target.machines.nodes()}
        for node, (source, size) in said.items():
            if source != _SOURCE or int(size) > self.kib:
                raise FaultHadNoEffect(f"{folder} of {node} is on {source}, which holds {size} KiB")
        return {f"disk of {node}": f"holds {size} KiB in all" for node, (_, size) in said.items()}

    def undo(self, target: Target) -> None:
        """Take every one of them away, with what lies on it."""
        folder = _folder(target)
        for node in target.machines.nodes():
            mounted = target.machines.on_node(node, "cat", "/proc/mounts").splitlines()
            for _ in [line for line in mounted if line.startswith(f"{_SOURCE} {folder} ")]:
                target.machines.on_node(node, "umount", "--lazy", folder)  # pods may still have it open


def _folder(target: Target) -> str:
    """Where the cluster's provisioner makes volumes."""
    found = objects(target.cluster.kubectl, *_CONFIG)
    config = json.loads(text(found[0] if found else {}, "data", "config.json") or "{}")
    paths = [path for entry in config.get("nodePathMap", ()) for path in entry["paths"]]
    if not paths:
        raise FaultHadNoEffect("the cluster does not say in which folder it makes volumes")
    return str(paths[0])
