"""The options of a job, checked before anything starts. Misconfigured for the first one that makes no sense."""

import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from harness.backups.bucket_reader import read_credentials
from harness.campaigns.schedule.archive import LOCKS, Archive
from harness.campaigns.schedule.calendar import Calendar
from harness.campaigns.schedule.job import COMMANDS
from harness.campaigns.schedule.units import CONTEXT
from harness.core import durations
from harness.core.choices import choose
from harness.core.errors import Misconfigured
from harness.evidence.signing import keys
from harness.workflows.proof.request import place

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?")


def require_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Misconfigured(f"--name {name!r} is invalid; use up to 52 lower-case letters, digits and dashes")
    return name


def require_command(words: Sequence[str]) -> tuple[str, ...]:
    """A command that a job can run, and that keeps its runs where the job finds them."""
    choose("command of a job", words[0] if words else "", COMMANDS)
    if any(word == "--runs" or word.startswith("--runs=") for word in words):
        raise Misconfigured("a job keeps its runs in its own --folder; leave out --runs")
    return tuple(words)


def require_pod_command(words: Sequence[str]) -> None:
    asked = require_command(words)
    if asked[0] != "run" or f"--context={CONTEXT}" not in " ".join(asked).replace("--context ", "--context="):
        raise Misconfigured(
            f"a pod cannot create a cluster, so it can only run `run ... --context {CONTEXT}`; use `schedule systemd` "
            "for other commands"
        )
    if any(word.partition("=")[0] in {"--config", "--key"} for word in asked):
        raise Misconfigured("the pod has its own --config and --key; put --config before the `--`, and leave out --key")


def archive(
    option: str,
    bucket: str,
    endpoint: str,
    region: str,
    credentials: Path | None,
    *,
    write: bool = False,
    key: Path | None = None,
) -> Archive:
    """The archive in a bucket that `option` names; `key` signs what is written to it, the user's own if None."""
    where = place(option, bucket, endpoint, region)
    return Archive(where, read_credentials(credentials, os.environ), keys.signer(key) if write else None, keys.known())


def retention(retain: str | None, lock: str) -> timedelta | None:
    """How long evidence is kept; None for no limit."""
    if lock:
        choose("--lock", lock, LOCKS)
    if lock and not retain:
        raise Misconfigured("--lock needs --retain: say how long the bucket locks each run")
    return durations.parse("--retain", retain) if retain else None


def require_image(ref: str) -> None:
    if not _IMAGE.fullmatch(ref):
        raise Misconfigured(f"--image {ref!r} is invalid; write REGISTRY/NAME:TAG, or NAME@sha256:DIGEST")


def require_fit(within: timedelta, when: Calendar) -> None:
    """An attempt must end before the next one starts."""
    if within > when.every:
        raise Misconfigured(
            f"an attempt may take {durations.humanize(within)}, but the next one can start after "
            f"{durations.humanize(when.every)}; choose a shorter --within"
        )


def words(when: Calendar, command: Sequence[str], options: Mapping[str, str | Path | None]) -> tuple[str, ...]:
    """The words that run a job with these options: names as in `job`, empty ones are left out."""
    used = {name: value for name, value in options.items() if options.get("archive") or not name.startswith("archive_")}
    said = [f"--{name.replace('_', '-')}={value}" for name, value in used.items() if value]
    return ("job", "run", f"--every={durations.compact(when.every)}", *said, "--", *command)


def text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"cannot read {file}: {error}; name it with --config") from error
