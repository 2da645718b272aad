"""What there is to prove in a cluster or a bucket, and what of it has no backup, or backups that no target proves.

It only reads: schedules, locations and claims of a cluster, or the descriptions of the backups in a bucket.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from harness.backups.bucket_reader import BucketReader
from harness.backups.velero_backup import SYSTEM, descriptions
from harness.campaigns.fleet.definition import Target
from harness.campaigns.fleet.status import Gap
from harness.campaigns.schedule import calendar
from harness.core import durations
from harness.core.errors import Misconfigured, ToolFailed
from harness.core.json import at, items, text
from harness.core.kubernetes import Object, RunsKubectl, name_of, namespace_of, objects
from harness.core.text import plural

_NO_VELERO = "have a resource type"  # kubectl of a cluster without Velero's CRDs
_EVERY = re.compile(r"@every (?:(\d+)h)?(?:(\d+)m)?(?:0?s)?")


@dataclass(frozen=True)
class Schedule:
    name: str
    every: timedelta | None  # None if not known
    paused: bool
    bucket: str
    prefix: str
    included: tuple[str, ...]
    excluded: tuple[str, ...]
    created: datetime | None
    newest: datetime | None  # when its newest backup was begun

    def backs_up(self, namespace: str) -> bool:
        asked = any(fnmatchcase(namespace, each) for each in self.included or ("*",))
        return asked and not any(fnmatchcase(namespace, each) for each in self.excluded)

    def proved_by(self, target: Target, namespace: str = "") -> bool:
        return (
            target.bucket is not None
            and (target.bucket.bucket, target.bucket.prefix) == (self.bucket, self.prefix)
            and target.schedule in {"", self.name}
            and (not namespace or not target.namespaces or namespace in target.namespaces)
        )


@dataclass(frozen=True)
class Found:
    place: str
    schedules: tuple[Schedule, ...]
    claims: Mapping[str, int]  # by namespace
    wrong: tuple[Gap, ...] = ()  # locations that cannot be used, backups that cannot be read

    def gaps(self, targets: Sequence[Target], now: datetime) -> Iterator[Gap]:
        """What has no backup, what has one that no target proves, and what stopped; each once."""
        yield from self.wrong
        for each in self.schedules:
            if why := _stopped(each, now):
                yield Gap(f"schedule {each.name} of {self.place}", why)
            if not any(each.proved_by(target) for target in targets):
                yield Gap(f"schedule {each.name} of {self.place}", "has backups, and no target proves them")
        for namespace, count in sorted(self.claims.items()):
            backed = [each for each in self.schedules if each.backs_up(namespace) and not each.paused]
            proved = any(each.proved_by(target, namespace) for each in backed for target in targets)
            held = f"{plural(count, 'claim')}, and"
            if not backed:
                yield Gap(f"namespace {namespace} of {self.place}", f"{held} no schedule backs it up")
            elif not proved:
                names = ", ".join(each.name for each in backed)
                yield Gap(f"namespace {namespace} of {self.place}", f"{held} no target proves the backups of {names}")


def of_cluster(kubectl: RunsKubectl, context: str) -> Found:
    """ToolFailed if the cluster does not answer, or may not be read."""
    locations = {name_of(each): each for each in _listed(kubectl, "backupstoragelocations.velero.io")}
    default = next((name for name, each in locations.items() if at(each, "spec", "default") is True), "default")
    claims = Counter(namespace_of(each) for each in objects(kubectl, "pvc", "--all-namespaces"))
    wrong = tuple(
        Gap(f"location {name} of {context}", f"is {phase}: {text(each, 'status', 'message') or 'no reason given'}")
        for name, each in locations.items()
        if (phase := text(each, "status", "phase")) not in {"", "Available"}
    )
    return Found(
        context,
        tuple(_schedule(each, locations, default) for each in _listed(kubectl, "schedules.velero.io")),
        {namespace: count for namespace, count in claims.items() if namespace not in SYSTEM},
        wrong,
    )


def of_bucket(source: BucketReader) -> Found:
    """Misconfigured if the bucket cannot be read."""
    read, problems = descriptions(source, source.listing())
    newest: dict[str, Object] = {}
    for backup in sorted(read, key=lambda each: text(each, "status", "startTimestamp")):
        newest[text(backup, "metadata", "labels", "velero.io/schedule-name") or "(none)"] = backup
    place = source.place
    return Found(
        place.name,
        tuple(
            Schedule(
                name,
                None,
                paused=False,
                bucket=place.bucket,
                prefix=place.prefix,
                included=_names(backup, "spec", "includedNamespaces"),
                excluded=_names(backup, "spec", "excludedNamespaces"),
                created=None,
                newest=_time(backup, "status", "startTimestamp"),
            )
            for name, backup in newest.items()
        ),
        {},
        tuple(Gap(f"backup {name} of {place.name}", f"cannot be read: {why}") for name, why in problems.items()),
    )


def _listed(kubectl: RunsKubectl, kind: str) -> tuple[Object, ...]:
    try:
        return objects(kubectl, kind, "--all-namespaces")
    except ToolFailed as error:
        if _NO_VELERO in error.tail:
            return ()
        raise


def _schedule(thing: Object, locations: Mapping[str, Object], default: str) -> Schedule:
    location = locations.get(text(thing, "spec", "template", "storageLocation") or default, {})
    return Schedule(
        name_of(thing),
        _interval(text(thing, "spec", "schedule")),
        at(thing, "spec", "paused") is True,
        text(location, "spec", "objectStorage", "bucket"),
        text(location, "spec", "objectStorage", "prefix").strip("/"),
        _names(thing, "spec", "template", "includedNamespaces"),
        _names(thing, "spec", "template", "excludedNamespaces"),
        _time(thing, "metadata", "creationTimestamp"),
        _time(thing, "status", "lastBackup"),
    )


def _stopped(schedule: Schedule, now: datetime) -> str:
    """Why it makes no backups, in a line; "" if it does, or if its interval is not known."""
    if schedule.paused:
        return "is paused"
    last = schedule.newest or schedule.created
    late = durations.overdue(now - last, schedule.every) if last else ""
    return f"{'' if schedule.newest else 'never made a backup: '}{late}" if late else ""


def _interval(words: str) -> timedelta | None:
    if every := _EVERY.fullmatch(words):
        return timedelta(hours=int(every[1] or 0), minutes=int(every[2] or 0)) or None
    with contextlib.suppress(Misconfigured):
        return calendar.cron(words.removeprefix("@").replace("midnight", "daily")).every
    return None


def _names(thing: Object, *path: str) -> tuple[str, ...]:
    return tuple(map(text, items(thing, *path)))


def _time(thing: Object, *path: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text(thing, *path)).astimezone(UTC)
    except ValueError:
        return None
