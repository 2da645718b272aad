"""A job as a systemd service and timer: clusters/existing/drillproof.service and .timer, filled in."""

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from jinja2 import Template

from harness.campaigns.schedule.calendar import Calendar
from harness.campaigns.schedule.job import GRACE_S
from harness.core import resources

REPORT_S = 1800  # time to archive and report, after the command ended
_MOST_DELAY = timedelta(hours=1)


def units(
    name: str, calendar: Calendar, within: timedelta, words: Sequence[str], *, environment: Path | None
) -> dict[str, str]:
    """The unit files by name. The service runs `words` in the current folder."""
    path = f"PATH={os.environ.get('PATH', os.defpath)}"  # with Go, Docker and kind
    filled = {
        "name": name,
        "calendar": calendar.words,
        "words": " ".join(map(_word, words)),
        "folder": str(Path.cwd()),
        "path": _word(path, in_command=False),
        "environment": str(environment.resolve()) if environment else "",
        "within_s": int(within.total_seconds()),
        "grace_s": GRACE_S + REPORT_S,
        "delay_s": int(min(calendar.every / 20, _MOST_DELAY).total_seconds()),
        "plain": _plain,
    }
    folder = resources.clusters() / "existing"
    texts = {kind: (folder / f"drillproof.{kind}").read_text(encoding="utf-8") for kind in ("service", "timer")}
    return {
        f"drillproof-{name}.{kind}": Template(text, trim_blocks=True, keep_trailing_newline=True).render(filled)
        for kind, text in texts.items()
    }


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
