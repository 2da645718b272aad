"""A job as a systemd service and timer."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from harness.campaigns.schedule.calendar import Calendar
from harness.campaigns.schedule.job import GRACE_S

REPORT_S = 1800
"""Time to archive and report, after the command ended."""

_MOST_DELAY = timedelta(hours=1)


def units(
    name: str, calendar: Calendar, within: timedelta, words: Sequence[str], *, environment: Path | None
) -> dict[str, str]:
    """The unit files by name. The service runs `words` in the current folder."""
    delay = min(calendar.every / 20, _MOST_DELAY)
    grace_s = GRACE_S + REPORT_S
    path = f"PATH={os.environ.get('PATH', os.defpath)}"  # with Go, Docker and kind
    lines = [
        "[Unit]",
        f"Description={_plain(f'drillproof job {name}')}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "# While this runs, the timer starts no other. The exit code is the verdict: 0 PASS, 1 FAIL, 2 UNKNOWN.",
        "Type=exec",
        f"ExecStart={' '.join(map(_word, words))}",
        f"WorkingDirectory={_plain(str(Path.cwd()))}",
        f"Environment={_word(path, in_command=False)}",
        *([f"EnvironmentFile={_plain(str(environment.resolve()))}"] if environment else []),
        f"SyslogIdentifier={_plain(f'drillproof-{name}')}",
        "# The job itself stops and reports a stuck command. This limit is for a job that is stuck itself.",
        f"RuntimeMaxSec={int(within.total_seconds()) + grace_s}",
        f"TimeoutStopSec={grace_s}",
        "KillMode=mixed",
    ]
    timer = [
        "[Unit]",
        f"Description={_plain(f'drillproof job {name}, {calendar.words}')}",
        "",
        "[Timer]",
        f"OnCalendar={_plain(calendar.words)}",
        "# Catch up a run that was missed while the machine was off.",
        "Persistent=true",
        f"RandomizedDelaySec={int(delay.total_seconds())}",
        "FixedRandomDelay=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    unit = f"drillproof-{name}"
    return {f"{unit}.service": "\n".join(lines) + "\n", f"{unit}.timer": "\n".join(timer) + "\n"}


def program() -> tuple[str, ...]:
    """The command of this drillproof, with its full path."""
    beside = Path(sys.executable).with_name("drillproof")
    return (str(beside),) if beside.is_file() else (sys.executable, "-P", "-m", "harness.cli")


def _plain(text: str) -> str:
    """A value on one line, with escaped specifiers."""
    return text.replace("\n", " ").replace("%", "%%")


def _word(text: str, *, in_command: bool = True) -> str:
    """A quoted word for systemd; in a command, dollar signs are escaped too."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("%", "%%")
    escaped = escaped.replace("$", "$$") if in_command else escaped
    return escaped if escaped and not set(escaped) & set(" \t'\";\\") else f'"{escaped}"'
