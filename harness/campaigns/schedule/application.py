"""The user's application in the command of a job: by its absolute path, or shipped with a pod."""

from collections.abc import Sequence
from pathlib import Path

from harness.campaigns.schedule.units import APPLICATION, CONTEXT
from harness.clusters.permissions_file import drill_place
from harness.core.errors import Misconfigured
from harness.workloads.manifests import load, package
from harness.workloads.manifests.load import TargetCluster
from harness.workloads.manifests.package import Package

_OPTION = "--application"

MAX_BYTES = 1024 * 1024
"""Of all that a ConfigMap or a Secret holds."""


def by_path(words: Sequence[str]) -> tuple[str, ...]:
    """The command, with the file of the application by its absolute path. Misconfigured if it cannot be drilled."""
    file = _named(words)
    if file is None:
        return tuple(words)
    if not any(word.partition("=")[0] == "--context" for word in words):
        load.load(file)
    elif not file.is_file():
        raise Misconfigured(f"{file} does not exist; name the application file with {_OPTION}")
    return _replaced(words, str(file.resolve()))


def shipped(words: Sequence[str], config: Path) -> tuple[tuple[str, ...], Package | None]:
    """The command for a pod, and the application that it needs there. Misconfigured if that is impossible.

    `config` is the file that allows drills on the pod's cluster.
    """
    file = _named(words)
    if file is None:
        return tuple(words), None
    place = drill_place(CONTEXT, config)
    packed = package.package(file, TargetCluster(place.storage_class, place.namespace, pulls=True))
    package.require_fits(file, packed, MAX_BYTES)
    return _replaced(words, f"{APPLICATION}/{package.FILE}"), packed


def _named(words: Sequence[str]) -> Path | None:
    """The application file of a command; None without one."""
    found = [words[place] for place in _places(words)]
    return Path(found[-1].removeprefix(f"{_OPTION}=")) if found else None


def _replaced(words: Sequence[str], file: str) -> tuple[str, ...]:
    at = set(_places(words))
    return tuple(
        (f"{_OPTION}={file}" if word.startswith(f"{_OPTION}=") else file) if place in at else word
        for place, word in enumerate(words)
    )


def _places(words: Sequence[str]) -> list[int]:
    """The indexes of the words that name the file: after `--application`, or in `--application=FILE`."""
    after = [place + 1 for place, word in enumerate(words[:-1]) if word == _OPTION]
    return sorted([*after, *(place for place, word in enumerate(words) if word.startswith(f"{_OPTION}="))])
