"""What makes a function a command: groups of options as dataclasses, and their texts, from commands.toml.

A parameter of a command becomes an option with the name and the text that commands.toml has for it, and a dataclass
as many options as it has fields.
"""

from __future__ import annotations

import functools
import inspect
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from harness.cli import complete, output
from harness.core import durations
from harness.core.choices import ITEM_BLOCK_WORKERS
from harness.core.errors import Misconfigured
from harness.core.model import Json

if TYPE_CHECKING:
    from harness.backups.backup_definition import Definition
    from harness.campaigns.schedule.archive import Archive as BucketArchive
    from harness.campaigns.schedule.job import Job as ScheduledJob
    from harness.campaigns.schedule.notification import Webhook as JobWebhook
    from harness.workflows.drill.shared_cluster import SharedDrills
    from harness.workloads.application import Application

SECTIONS = (
    "Drill",
    "Prove",
    "Migrate",
    "Schedule",
    "Fleet",
    "Evidence",
    "Maintenance",
)  # the headings of `drillproof --help`
RUNS = complete.RUNS
CLUSTER = "drillproof"


REGISTERED: dict[str, Callable[..., int]] = {}  # the functions of the commands, as typer takes them
COMMANDS = tomllib.loads(Path(__file__).with_name("commands.toml").read_text("utf-8"))


@dataclass(frozen=True, kw_only=True)
class Drill:
    stores: list[str] = field(default_factory=list)
    strategy: str | None = None
    engine: str | None = None
    velero: str | None = None
    size: str = "small"
    item_block_workers: int = ITEM_BLOCK_WORKERS

    def on_existing(self, engine: Callable[[], str]) -> dict[str, object]:
        """The options for an existing cluster, with its Velero and the `engine` of that. Misconfigured."""
        if self.velero:
            raise Misconfigured("--velero excludes --context: an existing cluster has its own Velero")
        if self.item_block_workers != ITEM_BLOCK_WORKERS:
            raise Misconfigured("--item-block-workers excludes --context: an existing cluster has its own Velero")
        return {**vars(self), "engine": self.engine or engine(), "velero": ""}


@dataclass(frozen=True, kw_only=True)
class Load:
    seed: int = 1
    rate: float = 20


@dataclass(frozen=True, kw_only=True)
class NewCluster:
    images: str = "auto"
    mirror: str | None = None
    cluster: str = CLUSTER

    def require_defaults(self) -> None:
        """Misconfigured for any of these options, where an existing cluster is used."""
        if self != type(self)():
            raise Misconfigured("--images, --mirror and --cluster exclude --context; set `mirror` in drillproof.toml")


@dataclass(frozen=True, kw_only=True)
class ExistingCluster:
    context: str | None = None
    kubeconfig: Path | None = None
    config: Path | None = None

    def __post_init__(self) -> None:
        if self.context is None and (self.kubeconfig or self.config):
            raise Misconfigured("--kubeconfig and --config need --context")

    def place(self) -> SharedDrills | None:
        """The cluster, if one is named. Misconfigured if no drills are allowed there."""
        if self.context is None:
            return None
        from harness.clusters.permissions_file import allowed_drill
        from harness.workflows.drill.shared_cluster import SharedDrills

        return SharedDrills(allowed_drill(self.context, self.config), self.kubeconfig)


@dataclass(frozen=True, kw_only=True)
class BackupDefinition:
    backup_definition: Path | None = None

    def read(self, schedule: str | None = None, place: SharedDrills | None = None) -> Definition | None:
        """The user's own definition of the backup, if one is named. Misconfigured."""
        if schedule:
            if place is None or self.backup_definition:
                raise Misconfigured("--schedule needs the cluster of --context, and excludes --backup-definition")
            return place.schedule(schedule)
        if self.backup_definition is None:
            return None
        from harness.backups.backup_definition import read

        found = read(self.backup_definition)
        return place.with_defaults(found) if place else found


@dataclass(frozen=True, kw_only=True)
class Hooks:
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    key: Path | None = None
    runs: Path = RUNS


class EvidenceWords(TypedDict):
    """As the requests of runs take them."""

    key: Path | None
    runs: Path
    about: Mapping[str, Json]


@dataclass(frozen=True, kw_only=True)
class NewRun(Evidence):
    """The evidence of a run that is to be made."""

    about: Path | None = None

    def said(self) -> EvidenceWords:
        """These options, with the content of the file. Misconfigured."""
        from harness.evidence import human

        return {"key": self.key, "runs": self.runs, "about": human.about(self.about) if self.about else {}}


@dataclass(frozen=True, kw_only=True)
class Bucket:
    bucket: str
    endpoint: str = ""
    region: str = "us-east-1"
    credentials: Path | None = None


@dataclass(frozen=True, kw_only=True)
class JobFolder:
    name: str = "drillproof"
    folder: Path = Path("reports/scheduled")


@dataclass(frozen=True, kw_only=True)
class ArchiveBucket:
    archive: str = ""
    archive_endpoint: str = ""
    archive_region: str = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Archive(ArchiveBucket):
    archive_credentials: Path | None = None

    def opened(self, *, write: bool = False, key: Path | None = None) -> BucketArchive | None:
        """The archive; None if none is named. `key` signs what is written to it."""
        if not self.archive:
            return None
        from harness.campaigns.schedule import request

        access = (self.archive, self.archive_endpoint, self.archive_region, self.archive_credentials)
        return request.archive("--archive", *access, write=write, key=key)


@dataclass(frozen=True, kw_only=True)
class Retention:
    retain: str | None = None
    lock: str = ""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    webhook: str | None = None
    webhook_secret: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Job(Retention, Archive, JobFolder):
    """All of a job but its schedule and its webhook."""

    within: str = "6h"
    prometheus: Path | None = None
    key: Path | None = None

    def checked(
        self, command: Sequence[str], every: str | None = None, webhook: JobWebhook | None = None
    ) -> ScheduledJob:
        """The job. Misconfigured for the first option that makes no sense."""
        from harness.campaigns.schedule import prometheus, request
        from harness.campaigns.schedule.job import Job as ScheduledJob

        if self.retain and not self.archive:
            raise Misconfigured("--retain needs --archive: name the bucket that keeps the evidence")
        return ScheduledJob(
            name=request.require_name(self.name),
            command=request.require_command(command),
            folder=self.folder / self.name,
            every=durations.parse("--every", every) if every else None,
            within=durations.parse("--within", self.within),
            archive=self.opened(write=True, key=self.key),
            retain=request.retention(self.retain, self.lock),
            lock=self.lock,
            webhook=webhook,
            prometheus=prometheus.require_writable(self.prometheus) if self.prometheus else None,
            key=self.key,
        )


def application(
    file: Path | None, place: SharedDrills | None = None, definition: Definition | None = None
) -> Application | None:
    """The user's application that a file describes, if one is named; `place` is the existing cluster, if any."""
    if file is None:
        return None
    from harness.workloads.manifests.load import OWN_CLUSTER, TargetCluster, load

    allowed = place.policy if place else None
    target = TargetCluster(allowed.storage_class, allowed.namespace, pulls=True) if allowed else OWN_CLUSTER
    return load(file, replace(target, definition=definition))


class Texts(TypedDict):
    help: str
    epilog: str


def texts(words: str) -> Texts:
    """The help of a command, and at its end command lines that can be copied, as typer takes them."""
    about = COMMANDS[words]
    examples = "\n".join(f"  {line}" for line in about["examples"].splitlines())
    return {"help": about["help"], "epilog": f"\b\nExamples:\n{examples}"}


def command(words: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Make a function the command of these `words`, as commands.toml describes it."""

    def register(function: Callable[..., int]) -> Callable[..., int]:
        REGISTERED[words] = _flat(words, function)
        return function

    return register


def _flat(words: str, function: Callable[..., int]) -> Callable[..., int]:
    """The function, with the fields of its dataclasses as parameters: typer reads options from a signature."""
    hints = get_type_hints(function)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}
    signature = inspect.signature(function)
    asked: list[tuple[str, object, object]] = []
    for each in signature.parameters.values():
        asked += _fields(groups[each.name]) if each.name in groups else [(each.name, hints[each.name], each.default)]
    parameters = [_parameter(words, *each) for each in asked]

    @functools.wraps(function)
    def call(**values: object) -> int:
        runs = values.get("runs", RUNS)
        made = {
            name: kind(**{each.name: values.pop(each.name) for each in fields(kind)}) for name, kind in groups.items()
        }
        with output.internal_errors(runs if isinstance(runs, Path) else RUNS):
            return function(**made, **values)

    call.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": int}
    vars(call)["__signature__"] = signature.replace(parameters=parameters)
    return call


def _fields(group: type) -> Iterator[tuple[str, object, object]]:
    hints = get_type_hints(group)
    for each in fields(group):
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        yield each.name, hints[each.name], default


def _parameter(words: str, name: str, kind: object, default: object) -> inspect.Parameter:
    """As typer reads it. Every value is checked: pathlib would take an empty path for the current folder.

    An unset variable of a script gives an empty value, which must not choose another cluster, bucket or backup.
    """
    places = (COMMANDS[words], COMMANDS.get(words.split(maxsplit=1)[0], {}), COMMANDS["shared"])
    about = next(place["options"][name] for place in places if name in place.get("options", {})).copy()
    for completes in (complete.one_of, complete.some_of):
        if known := about.pop(completes.__name__, None):
            about["autocompletion"] = completes(known)
    default = ... if default in (inspect.Parameter.empty, MISSING) else default
    info: ArgumentInfo | OptionInfo
    if about.pop("argument", False):
        info = ArgumentInfo(default=default, **about)
    else:
        info = OptionInfo(default=default, **{"param_decls": [f"--{name.replace('_', '-')}"], **about})
    if kind in {Path, Path | None}:
        info.parser = _folder if info.metavar == "DIR" else _path
    elif kind in {str, str | None}:
        info.callback = _not_empty
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=info, annotation=kind)


def _not_empty(context: typer.Context, parameter: typer.CallbackParam, value: str | None) -> str | None:
    """Refuse "" where it is given; it may be a default."""
    source = context.get_parameter_source(parameter.name or "")
    if not value and value is not None and source and source.name == "COMMANDLINE":
        raise typer.BadParameter("the value is empty; leave the option out, or give one")
    return value


def _path(value: str | Path) -> Path:
    if not str(value):
        raise typer.BadParameter("the path is empty; use . for the current folder")
    return Path(value)


def _folder(value: str | Path) -> Path:
    path = _path(value)
    try:
        existing = next((each for each in (path, *path.parents) if each.exists()), path)
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from error
    if existing.exists() and not existing.is_dir():
        raise typer.BadParameter(f"{existing} is a file, not a folder")
    return path
