"""Options that several commands share, as dataclasses, and the decorator that turns them into a command's options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from harness.cli import complete, output
from harness.core.errors import Misconfigured

if TYPE_CHECKING:
    from harness.campaigns.schedule.archive import Archive as BucketArchive
    from harness.campaigns.schedule.job import Job as ScheduledJob
    from harness.campaigns.schedule.webhook import Webhook as JobWebhook
    from harness.workflows.drill.shared_cluster import SharedDrills
    from harness.workloads.application import Application

SECTIONS = ("Drill", "Prove", "Migrate", "Schedule", "Evidence", "Maintenance")
"""The headings of `drillproof --help`."""

RUNS = complete.RUNS
CLUSTER = "drillproof"
CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 120}


def option(
    metavar: str,
    text: str,
    *names: str,
    one_of: complete.Words | None = None,
    some_of: complete.Words | None = None,
    env: str = "",
) -> OptionInfo:
    """An option with a value. The shell completes it to `one_of` these words, or `some_of` them with commas."""
    completion = complete.one_of(one_of) if one_of else complete.some_of(some_of) if some_of else None
    return OptionInfo(
        default=..., param_decls=names, metavar=metavar, help=text, autocompletion=completion, envvar=env or None
    )


def flag(text: str, *names: str) -> OptionInfo:
    """An option without a value."""
    return OptionInfo(default=..., param_decls=names, help=text)


Scenarios = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SCENARIOS]...", help="Scenario names, see `list`.", autocompletion=complete.one_of(complete.scenarios)
    ),
]
StoreNames = Annotated[list[str] | None, option("A,B", "Only these datastores.", some_of=complete.stores)]
ApplicationFile = Annotated[
    Path | None, option("FILE", "Drill your own application, described in FILE; see `detect`.", "--application")
]
Size = Annotated[
    str, option("SIZE", "Amount of test data: small (100 MB), medium (1 GB) or large (10 GB).", one_of=complete.sizes)
]
Repeat = Annotated[int, option("N", "Run each drill N times.")]
ClusterName = Annotated[str, option("NAME", "Name of the kind cluster. Use distinct names to run drills in parallel.")]
Keep = Annotated[bool, flag("Keep the cluster after the run.", "--keep")]
Databases = Annotated[
    list[str], option("KIND=NS/POD", "Add a database that is not found automatically. Repeatable.", "--database")
]
DryRun = Annotated[bool, flag("With --context: print the objects that would be created, and exit.", "--dry-run")]
Kubeconfig = Annotated[Path | None, option("FILE", "Kubeconfig. Default: $KUBECONFIG, or ~/.kube/config.")]
Config = Annotated[Path | None, option("FILE", "File that lists the allowed contexts. Default: drillproof.toml.")]
Key = Annotated[Path | None, option("FILE", "Private key that signs the run. Default: your own.", env="DRILLPROOF_KEY")]
Runs = Annotated[Path, option("DIR", "Folder of the run directories.", env="DRILLPROOF_RUNS")]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run directory: its path, its name, or `latest`.",
        autocompletion=complete.one_of(complete.runs),
    ),
]
AsJson = Annotated[bool, flag("Print JSON to standard output, and nothing else.", "--json")]
Quiet = Annotated[bool, flag("Show no progress, only the result.", "--quiet", "-q")]
JobName = Annotated[str, option("NAME", "Job name: lower-case letters, digits and dashes.")]
Within = Annotated[str, option("6h", "Stop an attempt that takes longer.")]
Prometheus = Annotated[Path | None, option("FILE.prom", "Write metrics for node_exporter's textfile collector.")]
JobCommand = Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="`run` or `prove`, with its options.")]


@dataclass(frozen=True, kw_only=True)
class Drill:
    """What is drilled, and how."""

    stores: StoreNames = field(default_factory=list)
    strategy: Annotated[str | None, option("NAME", "How data gets into the backup.", one_of=complete.strategies)] = None
    engine: Annotated[
        str | None, option("NAME", "Backup engine: velero-restic or velero-kopia.", one_of=complete.engines)
    ] = None
    size: Size = "small"


@dataclass(frozen=True, kw_only=True)
class Load:
    """The generated data and writes."""

    seed: Annotated[int, option("N", "Random seed for the generated test data.")] = 1
    rate: Annotated[float, option("N", "Writes per second to each datastore.")] = 20


@dataclass(frozen=True, kw_only=True)
class NewCluster:
    """How a kind cluster is created."""

    images: Annotated[
        str, option("HOW", "Where container images come from: auto, pull or build.", one_of=complete.images)
    ] = "auto"
    mirror: Annotated[str | None, option("HOST", "Registry that mirrors the official image names.")] = None
    cluster: ClusterName = CLUSTER

    def require_defaults(self) -> None:
        """Misconfigured for any of these options, where an existing cluster is used."""
        if self != type(self)():
            raise Misconfigured("--images, --mirror and --cluster exclude --context; set `mirror` in drillproof.toml")


@dataclass(frozen=True, kw_only=True)
class ExistingCluster:
    """A cluster that drillproof did not create."""

    context: Annotated[str | None, option("NAME", "Use an existing cluster (kubeconfig context).")] = None
    kubeconfig: Kubeconfig = None
    config: Config = None

    def __post_init__(self) -> None:
        """Misconfigured for options that need a --context."""
        if self.context is None and (self.kubeconfig or self.config):
            raise Misconfigured("--kubeconfig and --config need --context")


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """The user's commands at steps of a run."""

    before: Annotated[list[str], option("STEP=CMD", "Run CMD before STEP. Repeatable.", one_of=complete.steps)] = field(
        default_factory=list
    )
    after: Annotated[list[str], option("STEP=CMD", "Run CMD after STEP. Repeatable.", one_of=complete.steps)] = field(
        default_factory=list
    )


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Where a run goes, and who signs it."""

    key: Key = None
    runs: Runs = RUNS


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A bucket, and the access to it."""

    bucket: Annotated[str, option("NAME[/PREFIX]", "The bucket, with the prefix of its objects.")]
    endpoint: Annotated[str, option("URL", "Endpoint of the object store. Default: AWS.")] = ""
    region: Annotated[str, option("NAME", "Region of the bucket.")] = "us-east-1"
    credentials: Annotated[
        Path | None, option("FILE", "Credentials file, as AWS and Velero use. Default: AWS_ACCESS_KEY_ID and so on.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class JobFolder:
    """A scheduled drill or proof, and where its files are."""

    name: JobName = "drillproof"
    folder: Annotated[Path, option("DIR", "Folder of all jobs. Each has a subfolder with its runs and attempts.")] = (
        Path("reports/scheduled")
    )


@dataclass(frozen=True, kw_only=True)
class ArchiveBucket:
    """The bucket that keeps the runs of a job."""

    archive: Annotated[str, option("NAME[/PREFIX]", "Bucket that keeps the signed runs.")] = ""
    archive_endpoint: Annotated[str, option("URL", "Endpoint of its object store. Default: AWS.")] = ""
    archive_region: Annotated[str, option("NAME", "Region of the bucket.")] = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Archive(ArchiveBucket):
    """The same, with the access to it."""

    archive_credentials: Annotated[
        Path | None, option("FILE", "Credentials file, as AWS uses. Default: AWS_ACCESS_KEY_ID and so on.")
    ] = None

    def opened(self, *, write: bool = False, key: Path | None = None) -> BucketArchive | None:
        """The archive; None if none is named. `key` signs what is written to it."""
        if not self.archive:
            return None
        from harness.campaigns.schedule import request

        access = (self.archive, self.archive_endpoint, self.archive_region, self.archive_credentials)
        return request.archive("--archive", *access, write=write, key=key)


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long evidence is kept."""

    retain: Annotated[str | None, option("90d", "How long to keep a run. Default: without limit. See `upload`.")] = None
    lock: Annotated[str, option("MODE", "S3 Object Lock mode: governance or compliance.")] = ""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Who is notified over HTTP."""

    webhook: Annotated[
        str | None, option("URL", "Send the result to URL (HTTP POST, JSON).", env="DRILLPROOF_WEBHOOK")
    ] = None
    webhook_secret: Annotated[
        Path | None,
        option(
            "FILE", "File with the secret that signs the notification (HMAC-SHA256).", env="DRILLPROOF_WEBHOOK_SECRET"
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Job(Retention, Archive, JobFolder):
    """All of a job but its schedule and its webhook."""

    within: Within = "6h"
    prometheus: Prometheus = None
    key: Key = None

    def checked(
        self, command: Sequence[str], every: str | None = None, webhook: JobWebhook | None = None
    ) -> ScheduledJob:
        """The job. Misconfigured for the first option that makes no sense."""
        from harness.campaigns.schedule import prometheus, request
        from harness.campaigns.schedule.job import Job as ScheduledJob
        from harness.core import durations

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


def application(file: Path | None, place: SharedDrills | None = None) -> Application | None:
    """The user's application that a file describes; None where no file is named.

    `place` is the existing cluster to drill it on, if any.
    """
    if file is None:
        return None
    from harness.workloads.manifests.load import OWN_CLUSTER, TargetCluster, load

    allowed = place.policy if place else None
    return load(file, TargetCluster(allowed.storage_class, allowed.namespace, pulls=True) if allowed else OWN_CLUSTER)


def place(existing: ExistingCluster) -> SharedDrills | None:
    """The existing cluster, if one is named. Misconfigured if the configuration does not allow it."""
    if existing.context is None:
        return None
    from harness.clusters.permissions_file import allowed_drill
    from harness.workflows.drill.shared_cluster import SharedDrills

    return SharedDrills(allowed_drill(existing.context, existing.config), existing.kubeconfig)


def examples(*lines: str) -> str:
    """The end of a command's help: command lines that can be copied."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def group(text: str, *lines: str) -> typer.Typer:
    """A command that has subcommands."""
    return typer.Typer(rich_markup_mode=None, context_settings=CONTEXT_SETTINGS, help=text, epilog=examples(*lines))


def command(
    app: typer.Typer, *lines: str, name: str | None = None, section: str | None = None
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add a function to `app` as a command. `lines` are its examples, `section` is its heading in `drillproof --help`.

    A parameter may be one of the dataclasses above: its fields become options.
    """

    def register(function: Callable[..., int]) -> Callable[..., int]:
        return app.command(name, epilog=examples(*lines), rich_help_panel=section)(_flat(function))

    return register


def _flat(function: Callable[..., int]) -> Callable[..., int]:
    """The function, with the fields of its dataclasses as parameters: typer reads options from a signature."""
    hints = get_type_hints(function, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}
    signature = inspect.signature(function)
    parameters = [
        new
        for each in signature.parameters.values()
        for new in (_of_group(hints[each.name]) if each.name in groups else [_parameter(each, hints[each.name])])
    ]

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


def _of_group(group: type) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for each in fields(group):
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        default = inspect.Parameter.empty if default is MISSING else default
        yield _parameter(
            inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=default), hints[each.name]
        )


def _parameter(parameter: inspect.Parameter, hint: object) -> inspect.Parameter:
    """As typer reads it. Every value is checked: pathlib would take an empty path for the current folder.

    An unset variable of a script gives an empty value, which must not choose another cluster, bucket or backup.
    """
    kind, *about = get_args(hint)
    for info in about:
        if kind in {Path, Path | None}:
            info.parser = _folder if info.metavar == "DIR" else _path
        elif kind in {str, str | None}:
            info.callback = _not_empty
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hint)


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
