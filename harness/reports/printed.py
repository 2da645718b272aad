"""What the backup's hooks and the containers of the databases printed, from the bundle of a run that did not pass."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.core.errors import Unreadable
from harness.evidence.run_view import RunView
from harness.evidence.signing.files import Directory

_HOOK = re.compile(
    r'msg="(?P<stream>stdout|stderr): (?P<text>(?:[^"\\]|\\.)*)".* hookCommand="(?P<command>(?:[^"\\]|\\.)*)"'
    r" hookContainer=(?P<container>\S+)"
)
"""A line of Velero's log of a backup or a restore."""

_MOST_BYTES = 20_000_000  # of a file that is read
_MOST_SHOWN = 20_000  # characters of one hook's output
_FIRST, _LAST = 15, 10  # lines of a container's log: how it started, and how it ended


@dataclass(frozen=True)
class Printed:
    """The output of one hook or one pod."""

    source: str
    text: str


def printed(view: RunView) -> tuple[Printed, ...]:
    """The output of every hook that printed something, and the logs of the members of stores that did not pass.

    A run may come from anybody: links and pipes in its bundle are not read.
    """
    bad = {finding.store for finding in (*view.findings, *view.recovery) if finding.verdict.value != "pass"}
    members = {name for store, names in view.members.items() if store in bad for name in names}
    bundle = Directory(view.run / "bundle")
    try:
        return tuple(_printed(bundle, members))
    except Unreadable:  # there is no bundle, or it cannot be listed
        return ()


def _printed(bundle: Directory, members: set[str]) -> Iterator[Printed]:
    for name in sorted(bundle.names(), reverse=True):  # `tool` before `cluster`
        path = PurePosixPath(name)
        if path.match("tool/*-logs"):
            yield from _hooks(_read(bundle, name))
        elif path.match("cluster/dump/*/*/logs.txt") and path.parent.name in members:
            lines = _read(bundle, name).strip().splitlines()
            if len(lines) > _FIRST + _LAST:
                lines = [
                    *lines[:_FIRST],
                    f"[{len(lines) - _FIRST - _LAST} lines more in bundle/{name}]",
                    *lines[-_LAST:],
                ]
            if lines:
                yield Printed(f"pod {path.parent.name}", "\n".join(lines))


def _hooks(log: str) -> Iterator[Printed]:
    for found in _HOOK.finditer(log):
        if text := _unquoted(found["text"]).strip():
            source = f"hook in {found['container']}, {found['stream']}: {_unquoted(found['command'])}"
            yield Printed(source, text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} …")


def _read(bundle: Directory, name: str) -> str:
    with bundle.open(name) as file:
        return file.read(_MOST_BYTES).decode(errors="replace")


def _unquoted(text: str) -> str:
    """A text of Velero's log without Go's escapes; as it is where it has others than JSON."""
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text
