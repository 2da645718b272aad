"""A lane: one pinned Velero, and what it can do. Code asks a lane for what it can, and never compares versions."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.choices import choose
from harness.core.errors import Misconfigured


@dataclass(frozen=True)
class Lane:
    """As `velero.lanes` in versions.toml has it."""

    name: str  # its major and minor version
    version: str
    kopia: str  # the version of Velero's fork
    backs_up: tuple[str, ...]  # the uploaders with which it copies volumes; the first is the default
    restores: tuple[str, ...]  # the uploaders whose copies it restores


def uploader_in(lanes: Mapping[str, Lane], name: str, uploader: str | None, usual: str) -> str:
    """With which uploader a lane backs up: the one asked for, else the `usual` one, if the lane has that.

    Misconfigured, with the lanes that would do, if the lane is not pinned or lacks what is asked for.
    """
    lane = lanes[choose("Velero lane", name, lanes)]
    if uploader is None:
        return usual if usual in lane.backs_up else lane.backs_up[0]
    if uploader not in lane.backs_up:
        able = ", ".join(each.name for each in lanes.values() if uploader in each.backs_up) or "none"
        raise Misconfigured(f"Velero {name} takes no backups with {uploader}; lanes that do: {able}")
    return uploader
