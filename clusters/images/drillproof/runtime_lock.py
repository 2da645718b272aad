"""Prints the entries of a lock file that the installed drillproof needs to run, with their hashes.

The lock also has the packages that build, test and document drillproof; these do not belong into an image.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def entries(lock: str) -> dict[str, str]:
    """The lines of each package in the text of a lock file, by the package's normalized name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(==.*(?:\n +.*)*)", lock, re.MULTILINE)
    return {canonicalize_name(name): f"{name}{rest}\n" for name, rest in found}


def needed(root: str) -> set[str]:
    """The normalized names of all packages that `root` requires here, directly or not."""
    found: set[str] = set()
    done: set[tuple[str, str]] = set()
    todo = [(root, "")]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in done:
            continue
        done.add((name, extra))
        for each in _required(name, extra):
            found.add(canonicalize_name(each.name))
            todo += [(canonicalize_name(each.name), wanted) for wanted in ("", *each.extras)]
    return found


def _required(name: str, extra: str) -> Iterator[Requirement]:
    for each in map(Requirement, requires(name) or ()):
        if each.marker is None or each.marker.evaluate({"extra": extra}):
            yield each


if __name__ == "__main__":
    locked = entries(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.writelines(locked[name] for name in sorted(needed("drillproof")))
