"""Commands for many targets: `fleet plan`, `run`, `status`, `report`, `discover`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli import options, output
from harness.core import durations, paths
from harness.core.errors import Misconfigured, Unreadable
from harness.core.model import Json, Verdict
from harness.core.text import one_line, plural

if TYPE_CHECKING:
    from harness.campaigns.fleet.definition import Fleet as FleetFile
    from harness.campaigns.fleet.status import Status
    from harness.campaigns.schedule.archive import Archive


@dataclass(frozen=True, kw_only=True)
class Fleet:
    fleet: Path = Path("fleet.toml")
    secrets: Path | None = None

    def read(self) -> FleetFile:
        from harness.campaigns.fleet import definition

        return definition.read(self.fleet)

    @property
    def folder(self) -> Path:
        """Where the files with credentials are."""
        return self.secrets or self.fleet.resolve().parent

    def archive(self, found: FleetFile, *, write: bool = False, key: Path | None = None) -> Archive:
        from harness.backups.bucket_reader import read_credentials
        from harness.campaigns.schedule.archive import Archive
        from harness.evidence.signing import keys

        file = self.folder / found.archive_credentials if found.archive_credentials else None
        signer = keys.signer(key) if write else None
        return Archive(found.archive, read_credentials(file, os.environ), signer, keys.known())


@dataclass(frozen=True, kw_only=True)
class Standing:
    attempts: Path | None = None
    discovered: Path | None = None


@options.command("fleet plan")
def plan(fleet: Fleet, as_json: bool = False) -> int:
    found = fleet.read()
    document = {
        "targets": [
            {"target": each.name, "owner": each.owner, "cron": each.when.words, "proves": each.what}
            for each in found.targets
        ],
        "problems": found.problems,
    }
    output.result(document, _planned(found), as_json=as_json)
    return output.EXIT_CODES[Verdict.UNKNOWN] if found.problems else 0


@options.command("fleet run")
def run(
    fleet: Fleet,
    target: str | None = None,
    every: str | None = None,
    index: int | None = None,
    config: Path | None = None,
    folder: Path = Path("reports/scheduled"),
    key: Path | None = None,
) -> int:
    from harness.campaigns.schedule import calendar
    from harness.campaigns.schedule import job as jobs

    found = fleet.read()
    if target is None:
        if every is None or index is None:
            raise Misconfigured("name a target, or one of a cadence with --every and --index")
        alike = found.cadences().get(calendar.cron(every), ())
        if not 0 <= index < len(alike):
            raise Misconfigured(f"--index {index} is not among the {plural(len(alike), 'target')} of --every {every!r}")
        target = alike[index].name
    asked = found.target(target)
    job = jobs.Job(
        name=asked.name,
        command=asked.command(found.file.resolve().parent, fleet.folder, config),
        folder=folder / asked.name,
        every=asked.when.every,
        within=asked.within,
        archive=fleet.archive(found, write=True, key=key),
        retain=found.retain,
        key=key,
        target=asked.identity,
        alone=index is not None,
    )
    return jobs.exit_code(jobs.attempt(job, lambda line: typer.echo(line, err=True)))


@options.command("fleet status")
def status(fleet: Fleet, standing: Standing, as_json: bool = False) -> int:
    from harness.campaigns.fleet import page

    found = _status(fleet, standing)
    output.result(page.document(found), page.lines(found), as_json=as_json)
    return output.EXIT_CODES[found.verdict]


@options.command("fleet report")
def report(fleet: Fleet, standing: Standing, out: Path = Path("reports/fleet.html"), as_json: bool = False) -> int:
    from harness.campaigns.fleet import page

    found = _status(fleet, standing)
    page.write(found, out)
    output.result(page.document(found), (f"coverage: {page.headline(found)}", f"fleet: {out}"), as_json=as_json)
    return output.EXIT_CODES[found.verdict]


@options.command("fleet discover")
def discover(
    fleet: Fleet,
    context: str | None = None,
    kubeconfig: Path | None = None,
    bucket: str | None = None,
    endpoint: str = "",
    region: str = "us-east-1",
    credentials: Path | None = None,
    as_json: bool = False,
) -> int:
    from datetime import UTC, datetime

    from harness.backups.bucket_reader import BucketReader, read_credentials
    from harness.campaigns.fleet import discovery
    from harness.core.kubernetes import Kubectl, find_kubectl
    from harness.workflows.proof.request import place

    if bool(context) == bool(bucket):
        raise Misconfigured("name a cluster with --context, or a bucket with --bucket")
    targets = fleet.read().targets if fleet.fleet.exists() else ()
    if bucket:
        where = place("--bucket", bucket, endpoint, region)
        found = discovery.of_bucket(BucketReader(where, read_credentials(credentials, os.environ)))
    else:
        file = kubeconfig or Path(os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
        found = discovery.of_cluster(Kubectl(find_kubectl(), file, context or ""), context or "")
    gaps = list(found.gaps(targets, datetime.now(UTC)))
    document = {
        "place": found.place,
        "schedules": [{**vars(each), "every": each.every and each.every.total_seconds()} for each in found.schedules],
        "claims": found.claims,
        "gaps": gaps,
    }
    seen = f"{plural(len(found.schedules), 'schedule')}, {plural(len(found.claims), 'namespace')} with claims"
    lines = (f"{found.place}: {seen}", *(one_line(f"GAP  {each.where}: {each.why}") for each in gaps))
    output.result(document, lines, as_json=as_json)
    return output.EXIT_CODES[Verdict.UNKNOWN] if gaps else 0


def _status(fleet: Fleet, standing: Standing) -> Status:
    from harness.campaigns.fleet import page
    from harness.campaigns.fleet.status import status as of_fleet
    from harness.campaigns.schedule import attempt_log
    from harness.evidence.signing import keys

    found = fleet.read()
    gaps = list(page.gaps(_json(standing.discovered))) if standing.discovered else []
    folder = standing.attempts
    if folder is None:
        archive = fleet.archive(found)
        archive.open(write=False)
        folder = paths.cache() / "fleet" / archive.place.address
        archive.mirror(folder)
    elif not folder.is_dir():
        raise Misconfigured(f"--attempts {folder} is no folder; it has one folder of attempts for each target")
    others = [each.name for each in folder.iterdir() if each.is_dir()] if folder.is_dir() else []
    known = keys.believed()
    return of_fleet(found, lambda name: attempt_log.files(folder / name), known, others=others, gaps=gaps)


def _json(file: Path) -> Mapping[str, Json]:
    from harness.evidence.run_directory import read_json

    try:
        found = read_json(file)
    except Unreadable as error:
        raise Misconfigured(f"--discovered {error}; `fleet discover --json` writes it") from error
    if not isinstance(found.get("gaps"), list):
        raise Misconfigured(f"--discovered {file} has no gaps; `fleet discover --json` writes it")
    return found


def _planned(found: FleetFile) -> Iterator[str]:
    for when, targets in found.cadences().items():
        often = durations.humanize(when.every)
        yield f"{when.words}  (every {often}): {plural(len(targets), 'target')}, {found.at_once} at once"
        for index, each in enumerate(targets):
            yield one_line(f"  {index}. {each.name}  {each.owner or 'no owner'}  {each.what}")
    yield from (one_line(f"WRONG  {problem}") for problem in found.problems)
