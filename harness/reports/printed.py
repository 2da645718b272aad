"""What the backup's hooks and the containers of the databases printed, from the bundle of a run that did not pass."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.evidence.run_view import RunView

_HOOK = re.compile(
    r'msg="(?P<stream>stdout|stderr): (?P<text>(?:[^"\\]|\\.)*)".* hookCommand="(?P<command>(?:[^"\\]|\\.)*)"'
    r" hookContainer=(?P<container>\S+)"
)
"""A line of Velero's log of a backup or a restore."""

_MOST_BYTES = 20_000_000  # of a file that is read
_FIRST, _LAST = 15, 10  # lines of a container's log: how it started, and how it ended


@dataclass(frozen=True)
class Printed:
    """The output of one hook or one pod."""

    source: str
    text: str


def printed(view: RunView) -> tuple[Printed, ...]:
    """The output of every hook that printed something, and the logs of the members of stores that did not pass."""
    bad = {finding.store for finding in (*view.findings, *view.recovery) if finding.verdict.value != "pass"}
    members = [name for store, names in view.members.items() if store in bad for name in names]
    return (*_hooks(view.run / "bundle" / "tool"), *_pods(view.run / "bundle" / "cluster" / "dump", members))


def _hooks(folder: Path) -> Iterator[Printed]:
    for file in sorted(folder.glob("*-logs")):
        for found in _HOOK.finditer(_read(file)):
            if text := _unquoted(found["text"]).strip():
                yield Printed(f"hook in {found['container']}, {found['stream']}: {_unquoted(found['command'])}", text)


def _pods(folder: Path, members: list[str]) -> Iterator[Printed]:
    for member in members:
        for file in sorted(folder.glob("*/*/logs.txt")):
            lines = _read(file).strip().splitlines() if file.parent.name == member else []
            if len(lines) > _FIRST + _LAST:
                lines = [*lines[:_FIRST], f"[{len(lines) - _FIRST - _LAST} lines more in {file}]", *lines[-_LAST:]]
            if lines:
                yield Printed(f"pod {member}", "\n".join(lines))


def _read(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as opened:
        return opened.read(_MOST_BYTES)


def _unquoted(text: str) -> str:
    """A text of Velero's log without Go's escapes; as it is where it has others than JSON."""
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text
