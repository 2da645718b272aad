"""A lane: one pinned Velero, and what it can do. Code asks a lane for what it can, and never compares versions."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from harness.core.choices import choose
from harness.core.errors import Misconfigured
from harness.core.json import at, mapping
from harness.core.kubernetes import Object
from harness.core.model import Json

_TAG = re.compile(r":v?(\d+\.\d+)\.\d+[^/]*$")


@dataclass(frozen=True)
class Lane:
    """As `velero.lanes` in versions.toml has it."""

    name: str  # its major and minor version
    version: str
    kopia: str  # the version of Velero's fork
    backs_up: tuple[str, ...]  # the uploaders with which it copies volumes; the first is the default
    restores: tuple[str, ...]  # the uploaders whose copies it restores
    definitions: tuple[str, ...] = ()  # what the definition of a backup may ask for that the oldest lane does not know
    marks: tuple[str, ...] = ()  # fields, KIND.PART.NAME, that it writes into a backup, and older ones do not


def of_image(image: str) -> str:
    """The lane of a server by its image's tag; "" if that does not say."""
    tag = _TAG.search(image)
    return tag[1] if tag else ""


def lacking(needs: Iterable[str], api: Json) -> tuple[str, ...]:
    """Those of the fields, KIND.PATH, that an API has not, by its OpenAPI document (version 3)."""
    kinds = {name.rpartition(".")[2]: schema for name, schema in mapping(api, "components", "schemas").items()}

    def has(need: str) -> bool:
        kind, *path = need.split(".")
        return at(kinds.get(kind), *(word for name in path for word in ("properties", name))) is not None

    return tuple(need for need in needs if not has(need))


def fields_of(backup: Object, copies: Iterable[Object], uploads: Iterable[Object] = ()) -> frozenset[str]:
    """The fields, as marks have them, of a Backup, of its PodVolumeBackups and of its DataUploads."""
    kinds = [("Backup", backup), *(("PodVolumeBackup", copy) for copy in copies)]
    kinds += [("DataUpload", upload) for upload in uploads]
    return frozenset(
        f"{kind}.{part}.{name}" for kind, thing in kinds for part in ("spec", "status") for name in mapping(thing, part)
    )


def made_by(lanes: Mapping[str, Lane], fields: Collection[str]) -> tuple[Lane, str]:
    """The lane that made a backup with these fields, or the nearest newer one; and the mark that says so.

    The oldest lane, without a mark, for a backup that has none: that or an older Velero made it.
    """
    found = [(lane, mark) for lane in lanes.values() for mark in lane.marks if mark in fields]
    return found[-1] if found else (next(iter(lanes.values())), "")


def to_restore(lanes: Mapping[str, Lane], name: str, uploader: str) -> Lane:
    """The lane of this name. Misconfigured, with the lanes that would do, if it cannot restore such copies."""
    lane = lanes[choose("Velero lane", name, lanes)]
    if uploader not in lane.restores:
        able = ", ".join(each.name for each in lanes.values() if uploader in each.restores) or "none"
        raise Misconfigured(f"Velero {name} restores nothing that {uploader} copied; lanes that do: {able}")
    return lane


def with_uploader(lanes: Mapping[str, Lane], usual: str, uploader: str) -> str:
    """The lane that backs up where none is asked for: the `usual` one, or the first that has the uploader."""
    able = [name for name, lane in lanes.items() if uploader in lane.backs_up]
    return usual if usual in able or not able else able[0]


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
