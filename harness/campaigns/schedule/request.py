"""What a user asks of a job, checked word by word before anything is begun."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from harness.backups.bucket_reader import Place, credentials
from harness.campaigns.schedule import prometheus as metrics
from harness.campaigns.schedule import webhook as webhooks
from harness.campaigns.schedule.archive import LOCKS, Archive
from harness.campaigns.schedule.calendar import Calendar
from harness.campaigns.schedule.cronjob import CONTEXT
from harness.campaigns.schedule.job import COMMANDS, Job, Keeping
from harness.core import durations
from harness.core.choices import choose
from harness.core.errors import Misconfigured
from harness.evidence.signing import keys
from harness.workflows.proof.request import place

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?")


def job(
    name: str,
    command: Sequence[str],
    *,
    folder: Path,
    every: str | None = None,
    within: str = "6h",
    archive: str | None = None,
    endpoint: str = "",
    region: str = "us-east-1",
    credentials_file: Path | None = None,
    retain: str | None = None,
    lock: str = "",
    webhook: str | None = None,
    webhook_secret: Path | None = None,
    prometheus: Path | None = None,
    key: Path | None = None,
) -> Job:
    """The job. Misconfigured for the first word that makes no sense."""
    if retain and not archive:
        raise Misconfigured("--retain goes with --archive: say which bucket keeps the evidence")
    return Job(
        name=named(name),
        command=of_command(command),
        folder=folder / name,
        every=durations.parse("--every", every) if every else None,
        within=durations.parse("--within", within),
        webhook=webhooks.parse(webhook or None, webhook_secret),
        prometheus=metrics.writable(prometheus) if prometheus else None,
        keeping=keeping(
            place("--archive", archive, endpoint, region), credentials_file, retain=retain, lock=lock, key=key
        )
        if archive
        else None,
        key=key,
    )


def named(name: str) -> str:
    """A job's name. Misconfigured if it is none."""
    if not _NAME.fullmatch(name):
        raise Misconfigured(
            f"--name {name!r} is no name of a job; write lower case letters, digits and dashes, up to 52"
        )
    return name


def of_command(words: Sequence[str]) -> tuple[str, ...]:
    """A command that can be a job. Misconfigured if it cannot, or keeps its runs where the job does not find them."""
    choose("command of a job", words[0] if words else "", COMMANDS)
    for word in words:
        if word == "--runs" or word.startswith("--runs="):
            raise Misconfigured("a job keeps its runs in its own --folder; leave out --runs")
    return tuple(words)


def keeping(where: Place, credentials_file: Path | None, *, retain: str | None, lock: str, key: Path | None) -> Keeping:
    """Where evidence is kept, and how long. Misconfigured for the first word that makes no sense."""
    time = retention(retain, lock)
    return Keeping(archive(where, credentials_file, keys.signer(key)), time, lock)


def retention(retain: str | None, lock: str) -> timedelta | None:
    """For how long evidence is kept; None for ever. Misconfigured if that is no time, or cannot be locked."""
    if lock:
        choose("--lock", lock, LOCKS)
    if lock and not retain:
        raise Misconfigured("--lock holds a run as long as it is kept; say how long with --retain")
    return durations.parse("--retain", retain) if retain else None


def archive(where: Place, credentials_file: Path | None, signer: keys.PrivateKey | None = None) -> Archive:
    """A bucket that keeps evidence. Misconfigured if there are no credentials for it."""
    return Archive(where, credentials(credentials_file, os.environ), signer, keys.known())


def of_pod(words: Sequence[str]) -> tuple[str, ...]:
    """A command that can be a job in a pod. Misconfigured if it cannot."""
    asked = of_command(words)
    if asked[0] != "run" or f"--context={CONTEXT}" not in " ".join(asked).replace("--context ", "--context="):
        raise Misconfigured(
            f"a pod has no Docker to make a cluster with; what it can run is `run ... --context {CONTEXT}`: "
            "schedule anything else with `schedule systemd`"
        )
    if any(word.partition("=")[0] in {"--config", "--key"} for word in asked):
        raise Misconfigured("the pod has its own --config and --key; say --config before the `--`, and leave out --key")
    return asked


def image(ref: str) -> str:
    """An image's reference. Misconfigured if it is none."""
    if not _IMAGE.fullmatch(ref):
        raise Misconfigured(f"--image {ref!r} is no image; write REGISTRY/NAME:TAG, or NAME@sha256:DIGEST")
    return ref


def fits(within: timedelta, when: Calendar) -> None:
    """Misconfigured if an attempt may take longer than to the next one."""
    if within > when.every:
        raise Misconfigured(
            f"an attempt may take {durations.words(within)}, and the next one begins after "
            f"{durations.words(when.every)} or "
            "less; say a shorter --within"
        )


def words(when: Calendar, command: Sequence[str], said: Mapping[str, str | Path | None]) -> tuple[str, ...]:
    """What calls `scheduled` with these options, and this command."""
    told = [f"{option}={value}" for option, value in said.items() if value]
    return ("scheduled", f"--every={durations.exact(when.every)}", *told, "--", *command)


def text(file: Path) -> str:
    """What is in a file. Misconfigured if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file} cannot be read: {error}; name it with --config") from error


def written(files: Mapping[str, str], into: Path) -> None:
    """Write files into a folder. Misconfigured if they cannot be."""
    made(into)
    try:
        for name, content in files.items():
            (into / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"cannot write into {into}: {error.strerror}; choose another with --into") from error


def made(folder: Path) -> Path:
    """`folder`, made if it is not there. Misconfigured if it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"cannot make {folder}: {error.strerror}; choose another with --into") from error
    return folder
