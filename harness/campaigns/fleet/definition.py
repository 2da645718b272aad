"""A fleet as a TOML file. A target that is wrong is one line among the problems; the others go on."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from harness.backups.bucket_reader import BucketLocation
from harness.campaigns.schedule import calendar, request
from harness.campaigns.schedule.calendar import Calendar
from harness.core import durations
from harness.core.errors import Misconfigured
from harness.core.toml import Keys
from harness.workflows.proof.request import place

LIMITS = ("rto_s", "rpo_s", "age_s")


@dataclass(frozen=True)
class Target:
    """What is proved: the backups of a bucket and schedule, or an application."""

    name: str
    owner: str
    when: Calendar
    within: timedelta
    limits: dict[str, float]  # of LIMITS, those that there are
    bucket: BucketLocation | None
    credentials: str  # a file in the folder of secrets; "" for the environment
    schedule: str
    namespaces: tuple[str, ...]
    lane: str
    without_fingerprint: bool
    application: str  # a file; "" for a target in a bucket
    scenario: str
    context: str  # where it is drilled or restored; "" for a new cluster

    @property
    def what(self) -> str:
        if self.bucket is None:
            return f"{self.application}, {self.scenario}"
        return f"{f'{self.schedule} in ' if self.schedule else ''}{self.bucket.name}"

    @property
    def identity(self) -> str:
        """Changes with all that says which data are proved: a proof of other data says nothing of these."""
        bucket = [self.bucket.bucket, self.bucket.prefix, self.bucket.endpoint] if self.bucket else []
        own = [self.application, self.scenario, self.context] if self.application else []
        said = json.dumps([self.name, bucket, self.schedule, self.namespaces, self.without_fingerprint, own])
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def command(self, folder: Path, secrets: Path, config: Path | None) -> tuple[str, ...]:
        """The words of the drill or proof; files are named from `folder` and `secrets`."""
        return tuple(self._words(folder, secrets, config))

    def _words(self, folder: Path, secrets: Path, config: Path | None) -> Iterator[str]:
        if self.bucket is None:
            yield from ("run", self.scenario, f"--application={folder / self.application}")
        else:
            yield from ("prove", f"--bucket={'/'.join(filter(None, (self.bucket.bucket, self.bucket.prefix)))}")
            yield f"--region={self.bucket.region}"
            yield from (f"--namespace={each}" for each in self.namespaces)
            yield from (f"--{name.removesuffix('_s')}={value:g}" for name, value in self.limits.items())
            yield from ["--without-fingerprint"] * self.without_fingerprint
            files = {"endpoint": self.bucket.endpoint, "schedule": self.schedule, "velero": self.lane}
            files["credentials"] = str(secrets / self.credentials) if self.credentials else ""
            yield from (f"--{name}={value}" for name, value in files.items() if value)
        if self.context:
            yield f"--context={self.context}"
            yield from [f"--config={config}"] if config else []


@dataclass(frozen=True)
class Fleet:
    file: Path
    archive: BucketLocation
    archive_credentials: str
    at_once: int
    retain: timedelta | None
    namespace: str  # of the objects in a cluster
    image: str
    queue: str  # Kueue's LocalQueue; "" for none
    targets: tuple[Target, ...]  # by name
    problems: tuple[str, ...]  # one line for each target that is wrong

    def target(self, name: str) -> Target:
        """Misconfigured if there is none."""
        found = next((each for each in self.targets if each.name == name), None)
        if found is None:
            known = ", ".join(each.name for each in self.targets[:10]) or "none"
            raise Misconfigured(f"{self.file} has no target {name}; it has: {known}")
        return found

    def cadences(self) -> dict[Calendar, tuple[Target, ...]]:
        """The targets that are proved at the same times, in the order of their indexes."""
        found: dict[Calendar, tuple[Target, ...]] = {}
        for each in self.targets:
            found[each.when] = (*found.get(each.when, ()), each)
        return found


def read(path: Path) -> Fleet:
    """A fleet. Misconfigured for what concerns all of it; a wrong target is among its problems."""
    keys = Keys.of(path)
    names = ("archive", "archive_endpoint", "archive_region", "archive_credentials")
    bucket, endpoint, region, credentials = (
        keys.take(name, str, None if name == "archive" else "us-east-1" if name == "archive_region" else "")
        for name in names
    )
    at_once, retain = keys.take("at_once", int, 1), keys.take("retain", str, "")
    namespace, image, queue = (
        keys.take(name, str, default)
        for name, default in (("namespace", "drillproof-fleet"), ("image", ""), ("queue", ""))
    )
    listed = keys.take("target", list)
    keys.done()
    if at_once < 1:
        keys.fail(f"key `at_once` must be at least 1, not {at_once}")
    called = Counter(str(each.get("name")) for each in listed if isinstance(each, dict))
    targets: list[Target] = []
    problems = [
        f"{path}: {count} targets are called {name}; none of them counts until they have names of their own"
        for name, count in called.items()
        if count > 1
    ]
    for number, raw in enumerate(listed, 1):
        where = f"{path}, target {number}"
        try:
            target = _target(Keys(where, raw))
        except Misconfigured as error:
            name = f" ({raw['name']})" if isinstance(raw, dict) and "name" in raw else ""
            problems.append(str(error) if str(error).startswith(where) else f"{where}{name}: {error}")
        else:
            targets += [target] if called[target.name] == 1 else []
    return Fleet(
        file=path,
        archive=place("key `archive`", bucket, endpoint, region),
        archive_credentials=credentials,
        at_once=at_once,
        retain=durations.parse("key `retain`", retain) if retain else None,
        namespace=namespace,
        image=image,
        queue=queue,
        targets=tuple(sorted(targets, key=lambda each: each.name)),
        problems=tuple(problems),
    )


def _target(keys: Keys) -> Target:
    name = keys.take("name", str)
    keys.where = f"{keys.where} ({name})"
    limits = {limit: seconds for limit in LIMITS if (seconds := keys.seconds(limit)) is not None}
    words = ("owner", "every", "within", "bucket", "endpoint", "region", "credentials", "schedule", "velero")
    defaults = {"every": "daily", "within": "6h", "region": "us-east-1"}
    said = {word: keys.take(word, str, defaults.get(word, "")) for word in words}
    application, scenario = keys.take("application", str, ""), keys.take("scenario", str, "namespace_loss")
    target = Target(
        name=request.require_name(name),
        owner=said["owner"],
        when=calendar.cron(said["every"]),
        within=durations.parse("key `within`", said["within"]),
        limits=limits,
        bucket=place("key `bucket`", said["bucket"], said["endpoint"], said["region"]) if said["bucket"] else None,
        credentials=said["credentials"],
        schedule=said["schedule"],
        namespaces=keys.strings("namespaces", []),
        lane=said["velero"],
        without_fingerprint=keys.take("without_fingerprint", bool, default=False),
        application=application,
        scenario=scenario,
        context=keys.take("context", str, ""),
    )
    keys.done()
    if bool(target.bucket) == bool(application):
        keys.fail("needs `bucket` or `application`, and not both")
    if application and limits:
        keys.fail("an application has its objectives in its own file; leave out rto_s, rpo_s and age_s")
    request.require_fit(target.within, target.when)
    return target
