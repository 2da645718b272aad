"""A job as a service and a timer of systemd."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from harness.campaigns.schedule.calendar import Calendar
from harness.campaigns.schedule.job import GRACE_S

TELL_S = 1800
"""For so long a job may keep and tell what came of it, once its command has ended."""

_MOST_DELAY = timedelta(hours=1)


def units(
    name: str, calendar: Calendar, within: timedelta, words: Sequence[str], *, environment: Path | None
) -> dict[str, str]:
    """The unit files, by name. `words` is what the service runs, in the folder where we are now."""
    delay = min(calendar.every / 20, _MOST_DELAY)
    grace_s = GRACE_S + TELL_S
    path = f"PATH={os.environ.get('PATH', os.defpath)}"  # where Go, Docker and kind were found now
    lines = [
        "[Unit]",
        f"Description={_plain(f'drillproof job {name}')}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "# While one runs, the timer begins no other. The exit code is the verdict: 0 PASS, 1 FAIL, 2 UNKNOWN.",
        "Type=exec",
        f"ExecStart={' '.join(map(_word, words))}",
        f"WorkingDirectory={_plain(str(Path.cwd()))}",
        f"Environment={_word(path, in_command=False)}",
        *([f"EnvironmentFile={_plain(str(environment.resolve()))}"] if environment else []),
        f"SyslogIdentifier={_plain(f'drillproof-{name}')}",
        "# What is stuck is stopped by the job itself, which tells it. This is for a job that is stuck itself.",
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
        "# One that was missed, since the machine was off, is made up for.",
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
    """How this drillproof is called by its whole path."""
    beside = Path(sys.executable).with_name("drillproof")
    return (str(beside),) if beside.is_file() else (sys.executable, "-P", "-m", "harness.cli")


def _plain(text: str) -> str:
    """A value that is one line, with what systemd would replace in it."""
    return text.replace("\n", " ").replace("%", "%%")


def _word(text: str, *, in_command: bool = True) -> str:
    """A word as systemd reads it; in a command it would replace what a dollar stands before."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("%", "%%")
    escaped = escaped.replace("$", "$$") if in_command else escaped
    return escaped if escaped and not set(escaped) & set(" \t'\";\\") else f'"{escaped}"'
