"""Commands for drills that nobody watches: run as a job, kept in a bucket, fetched back, told to somebody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, output

app = typer.Typer()

Name = Annotated[str, typer.Option(metavar="NAME", help="Of the job: lower case letters, digits and dashes.")]
Within = Annotated[str, typer.Option(metavar="6h", help="An attempt that runs longer is stuck, and is stopped.")]
Folder = Annotated[
    Path, typer.Option(metavar="DIR", help="Of jobs: each has a folder there, with its lock, attempts and runs.")
]
Command = Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="`run` or `prove` with its options.")]
ArchiveIn = Annotated[
    str | None, typer.Option("--archive", metavar="NAME[/PREFIX]", help="Bucket that keeps the evidence.")
]
ArchiveEndpoint = Annotated[str, typer.Option(metavar="URL", help="Of its object store; AWS if not given.")]
ArchiveRegion = Annotated[str, typer.Option(help="Of that bucket.")]
ArchiveCredentials = Annotated[
    Path | None, typer.Option(metavar="FILE", help="As AWS' own; else AWS_ACCESS_KEY_ID and the like.")
]
Retain = Annotated[
    str | None, typer.Option(metavar="90d", help="For how long a run is kept; for ever if not given. See `archive`.")
]
Lock = Annotated[
    str, typer.Option(metavar="MODE", help="Let the bucket itself hold each run as long: governance or compliance.")
]
WebhookTo = Annotated[
    str | None, typer.Option(metavar="URL", envvar="DRILLPROOF_WEBHOOK", help="Is told, as JSON, by a POST.")
]
WebhookSecret = Annotated[
    Path | None,
    typer.Option(metavar="FILE", envvar="DRILLPROOF_WEBHOOK_SECRET", help="Signs what it is told (HMAC-SHA256)."),
]
PrometheusFile = Annotated[
    Path | None, typer.Option("--prometheus", metavar="FILE.prom", help="Text file for node_exporter's collector.")
]

JOBS = Path("reports/scheduled")


@app.command(
    epilog=options.examples(
        "drillproof scheduled --every 7d -- run --stores consul",
        "drillproof scheduled --name nightly --archive evidence/dr --retain 90d -- prove --bucket backups/velero",
    ),
)
def scheduled(
    command: Command,
    name: Name = "drillproof",
    every: Annotated[
        str | None, typer.Option(metavar="7d", help="How often it is to run, so that a miss is seen.")
    ] = None,
    within: Within = "6h",
    folder: Folder = JOBS,
    archive_in: ArchiveIn = None,
    archive_endpoint: ArchiveEndpoint = "",
    archive_region: ArchiveRegion = "us-east-1",
    archive_credentials: ArchiveCredentials = None,
    retain: Retain = None,
    lock: Lock = "",
    webhook: WebhookTo = None,
    webhook_secret: WebhookSecret = None,
    prometheus: PrometheusFile = None,
    key: options.Key = None,
) -> int:
    """Run a drill or a proof with nobody there: one at a time, not for ever, kept and told. `schedule` calls this.

    The exit code is the command's own. It is 2 where the command passed and its evidence says otherwise or could not be
    kept, where the attempt before is still under way (this one is skipped), and where it did not end --within its time.
    """
    from harness.campaigns.schedule import job, request

    asked = request.job(
        name,
        command,
        folder=folder,
        every=every,
        within=within,
        archive=archive_in,
        endpoint=archive_endpoint,
        region=archive_region,
        credentials_file=archive_credentials,
        retain=retain,
        lock=lock,
        webhook=webhook,
        webhook_secret=webhook_secret,
        prometheus=prometheus,
        key=key,
    )
    return job.exit_code(job.attempt(asked, lambda line: typer.echo(line, err=True)))


@app.command(
    epilog=options.examples(
        "drillproof attempts", "drillproof attempts --name weekly --archive evidence/dr --archive-credentials ./archive"
    )
)
def attempts(
    name: Name = "drillproof",
    folder: Folder = JOBS,
    archive_in: ArchiveIn = None,
    archive_endpoint: ArchiveEndpoint = "",
    archive_region: ArchiveRegion = "us-east-1",
    archive_credentials: ArchiveCredentials = None,
    as_json: options.AsJson = False,
) -> int:
    """Show a job's attempts, oldest first, and whether it is overdue: also those that left no run.

    Each was signed and has the hashes of those before it; one that was edited, is not signed by a key that is known
    here, or is missing, is named. The exit code is the verdict of the one that ended last; 2 at best where one is
    named, where the next one is overdue, or none ever ended.
    """
    from datetime import UTC, datetime

    from harness.campaigns.schedule import attempt as all_of
    from harness.campaigns.schedule import attempt_log, request
    from harness.core import text
    from harness.evidence.signing import keys
    from harness.workflows.proof.request import place

    places = [attempt_log.files(folder / request.named(name) / "attempts")]
    if archive_in:
        found = request.archive(place("--archive", archive_in, archive_endpoint, archive_region), archive_credentials)
        found.open(write=False)
        places.append(found.attempts(name))
    history = attempt_log.history(name, places, keys.believed())
    verdict, why = all_of.standing(history.attempts, datetime.now(UTC), history.doubt)
    if as_json:
        told = [all_of.document(each) for each in history.attempts]
        problems = list(history.problems)
        output.document({"job": name, "verdict": verdict.value, "why": why, "attempts": told, "problems": [*problems]})
    else:
        for each in history.attempts:
            how = "" if each.how == all_of.ENDED else all_of.HOW[each.how]
            said = text.one_line("; ".join(filter(None, (how, each.detail, each.missed, *each.troubles))))
            typer.echo(f"{each.verdict.name:7}  {each.began:%Y-%m-%d %H:%M}  {each.how:11}  {said}".rstrip())
        for problem in history.problems:
            typer.echo(text.one_line(f"not believed: {problem}"))
        typer.echo(text.one_line(f"{verdict.name} {name}: {why}"))
    return output.EXIT_CODES[verdict]


@app.command(
    epilog=options.examples(
        "drillproof archive latest --bucket evidence/dr --retain 90d",
        "drillproof archive latest --bucket evidence/dr --retain 1w --lock compliance --credentials ./archive",
    )
)
def archive(
    bucket: Annotated[str, typer.Option(metavar="NAME[/PREFIX]", help="Where to: an empty prefix, or an archive.")],
    run: options.RunName = "latest",
    endpoint: Annotated[str, typer.Option(metavar="URL", help="Of the object store; AWS if not given.")] = "",
    region: Annotated[str, typer.Option(help="Of the bucket.")] = "us-east-1",
    credentials: ArchiveCredentials = None,
    retain: Retain = None,
    lock: Lock = "",
    key: options.Key = None,
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
) -> int:
    """Keep a signed run in a bucket, and take out of it what is past its time.

    What was put there by somebody else is never touched; nor are the newest run of each make (scenario, strategy,
    engine, stores, and whose they are) and its newest that passed, however old they are.
    """
    from datetime import UTC, datetime

    from harness.campaigns.schedule import request
    from harness.evidence import run_directory
    from harness.workflows.proof.request import place

    where = place("--bucket", bucket, endpoint, region)
    keeping = request.keeping(where, credentials, retain=retain, lock=lock, key=key)
    keeping.archive.open(write=True)
    path = run_directory.find(runs, run)
    new = keeping.archive.put(path, keeping.retain, keeping.lock)
    pruned = keeping.archive.prune(datetime.now(UTC))
    name = keeping.archive.place.name
    if as_json:
        output.document(
            {
                "archive": name,
                "run": path.name,
                "new": new,
                "removed": list(pruned.removed),
                "spared": list(pruned.spared),
                "problems": list(pruned.problems),
            }
        )
        return 0
    typer.echo(f"{path.name} is {'now' if new else 'already'} kept in {name}")
    for what, names in (("taken out, past its time", pruned.removed), ("past its time, and spared", pruned.spared)):
        for each in names:
            typer.echo(f"{what}: {each}")
    for each in pruned.problems:
        typer.echo(each, err=True)
    return 0


@app.command(epilog=options.examples("drillproof fetch --bucket evidence/dr"))
def fetch(
    bucket: Annotated[str, typer.Option(metavar="NAME[/PREFIX]", help="An archive of drillproof.")],
    into: Annotated[Path, typer.Option(metavar="DIR", help="Folder that the runs are put into.")] = Path(
        "reports/fetched"
    ),
    endpoint: Annotated[str, typer.Option(metavar="URL", help="Of the object store; AWS if not given.")] = "",
    region: Annotated[str, typer.Option(help="Of the bucket.")] = "us-east-1",
    credentials: ArchiveCredentials = None,
    as_json: options.AsJson = False,
) -> int:
    """Bring the runs of an archive back, each verified on its way; `trend`, `table` and `verify` read them.

    0: all that is in it was signed by keys that are known here, and is here now. 2: something is not, and was left.
    """
    from harness.campaigns.schedule import request
    from harness.core.errors import HarnessError
    from harness.workflows.proof.request import place

    found = request.archive(place("--bucket", bucket, endpoint, region), credentials)
    found.open(write=False)
    entries, problems = found.entries()
    fetched: list[str] = []
    doubts = list(problems)
    request.made(into)
    for entry in entries:
        try:
            if found.fetch(entry, into):
                fetched.append(entry.run)
        except HarnessError as error:
            doubts.append(str(error))
    if as_json:
        output.document({"into": str(into), "runs": [e.run for e in entries], "new": [*fetched], "problems": [*doubts]})
    else:
        typer.echo(f"{into}: {len(entries)} runs in the archive, {len(fetched)} of them new here")
    if doubts:
        raise HarnessError(f"not fetched, since it is not believed: {'; '.join(doubts)}")
    return 0


@app.command(
    "tell",
    epilog=options.examples(
        "drillproof tell latest --webhook https://hooks.example.org/x",
        "drillproof tell --prometheus /var/lib/prometheus/node-exporter/drillproof.prom",
    ),
)
def tell_(
    run: options.RunName = "latest",
    webhook: WebhookTo = None,
    webhook_secret: WebhookSecret = None,
    prometheus: PrometheusFile = None,
    runs: options.Runs = options.RUNS,
) -> int:
    """Tell a webhook what a run came to, Prometheus what all runs of its folder did. Its verdict is the exit code."""
    from harness.campaigns import trend
    from harness.campaigns.schedule import prometheus as metrics
    from harness.campaigns.schedule import webhook as webhooks
    from harness.campaigns.schedule.notification import message
    from harness.checks.trust import believed
    from harness.core.errors import Misconfigured
    from harness.evidence import run_directory
    from harness.evidence.signing import keys

    hook = webhooks.parse(webhook, webhook_secret)
    if not hook and not prometheus:
        raise Misconfigured("nobody is to be told: name a --webhook, or a file with --prometheus")
    if prometheus:
        metrics.writable(prometheus)
    path = run_directory.find(runs, run)
    told = believed(path)
    if prometheus:
        found = trend.trend(path.parent, keys.known(), scenarios=())
        metrics.write(prometheus, metrics.render(found))
    if hook:
        hook.send(message([told]))
    return output.EXIT_CODES[told.verdict]
