"""The disks that hold volumes are too small."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.errors import FaultHadNoEffect
from harness.core.json import text
from harness.core.kubernetes import find
from harness.core.ports import Reach, Target
from harness.faults.base import BaseFault

_SOURCE = "drillproof-small-disk"


@dataclass(frozen=True)
class SmallDisk(BaseFault):
    """Mounts a small file system on every node over the folder of the provisioner, so that new volumes are on it.

    It is small, not filled up: the machine's own disk, which all drills share, is not touched.
    """

    kib: int
    title = "disks of {kib} KiB"
    reach = Reach.MACHINES

    def inject(self, target: Target) -> None:
        folder = _folder(target)
        for node in target.machines.nodes():
            target.machines.on_node(node, "mkdir", "--parents", folder)
            options = f"size={self.kib}k"
            target.machines.on_node(node, "mount", "-t", "tmpfs", "-o", options, _SOURCE, folder)

    def damage(self, target: Target) -> Mapping[str, str]:
        """The size of the file system as each node itself reports it."""
        folder = _folder(target)
        df = ("df", "--block-size=1K", "--output=source,size", folder)
        disks = {node: target.machines.on_node(node, *df).split()[-2:] for node in target.machines.nodes()}
        for node, (source, size) in disks.items():
            if source != _SOURCE or int(size) > self.kib:
                raise FaultHadNoEffect(f"{folder} of {node} is on {source}, which holds {size} KiB")
        return {f"disk of {node}": f"holds {size} KiB in all" for node, (_, size) in disks.items()}

    def undo(self, target: Target) -> None:
        """Unmount every one, and lose what is on it."""
        folder = _folder(target)
        for node in target.machines.nodes():
            mounted = target.machines.on_node(node, "cat", "/proc/mounts").splitlines()
            for _ in [line for line in mounted if line.startswith(f"{_SOURCE} {folder} ")]:
                target.machines.on_node(node, "umount", "--lazy", folder)  # pods may still have files open


def _folder(target: Target) -> str:
    """Where the cluster's provisioner creates volumes."""
    found = find(target.cluster.kubectl, "configmaps", "local-path-config", "local-path-storage")
    config = json.loads(text(found, "data", "config.json") or "{}")
    paths = [path for entry in config.get("nodePathMap", ()) for path in entry["paths"]]
    if not paths:
        raise FaultHadNoEffect("local-path-config names no folder for volumes")
    return str(paths[0])
