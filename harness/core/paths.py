"""Where drillproof keeps its cache and state on this machine, and whether the disk has enough space."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import Misconfigured


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drillproof"


def state() -> Path:
    return cache() / "clusters"


PROCESSES = "processes"  # in a cluster's state folder: the running commands of its drill; see `process.registered`


@contextlib.contextmanager
def writing(path: Path, option: str) -> Iterator[None]:
    """Misconfigured if `path` cannot be written in the block; `option` of the command names another place."""
    try:
        yield
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error.strerror}; choose another place with {option}") from error


def require_disk_space(needed: int, what: str, smaller: str = "") -> None:
    """Misconfigured if the cache's disk has less than `needed` bytes free; `smaller` says how to need less."""
    place = cache()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed:
        raise Misconfigured(
            f"{what} need {needed / 1e9:.0f} GB, and the disk of {place} has {free / 1e9:.0f} GB free; "
            f"free some space, {f'{smaller}, ' if smaller else ''}or set XDG_CACHE_HOME to a larger disk"
        )
