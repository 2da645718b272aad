"""`drillproof schedule`: what runs a job by itself, written for systemd or for a cluster. Nothing is applied."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, scheduled
from harness.core.errors import Misconfigured

app = typer.Typer()
group = typer.Typer(
    help="Write what runs a drill or a proof by itself; see docs/how-to/schedule.md.",
    epilog=options.examples(
        "drillproof schedule systemd --every weekly -- run",
        "drillproof schedule cronjob --every weekly --image example.org/drillproof:0.1.0 -- run --context in-cluster",
    ),
)
app.add_typer(group, name="schedule")

Every = Annotated[str, typer.Option(metavar="WHEN", help="daily, weekly, monthly, or as the one that runs it has it.")]
Into = Annotated[Path | None, typer.Option(metavar="DIR", help="Write files there, not to standard output.")]


@group.command(
    epilog=options.examples(
        "drillproof schedule systemd --every weekly --into . -- run --stores consul",
        "drillproof schedule systemd --name nightly --every 'Mon..Fri 03:00' --environment /etc/drillproof.env \\\\",
        "    --archive evidence/dr --retain 90d -- prove --bucket backups/velero --credentials /etc/drillproof/source",
    )
)
def systemd(
    command: scheduled.Command,
    every: Every = "weekly",
    name: scheduled.Name = "drillproof",
    within: scheduled.Within = "6h",
    folder: scheduled.Folder = scheduled.JOBS,
    archive_in: scheduled.ArchiveIn = None,
    archive_endpoint: scheduled.ArchiveEndpoint = "",
    archive_region: scheduled.ArchiveRegion = "us-east-1",
    archive_credentials: scheduled.ArchiveCredentials = None,
    retain: scheduled.Retain = None,
    lock: scheduled.Lock = "",
    prometheus: scheduled.PrometheusFile = None,
    key: options.Key = None,
    environment: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With DRILLPROOF_WEBHOOK=URL, credentials, and the like.")
    ] = None,
    into: Into = None,
) -> int:
    """Write a service and a timer of systemd. They run where you are now: relative paths stay what they are."""
    from harness.campaigns.schedule import calendar, request
    from harness.campaigns.schedule import systemd as units

    when = calendar.systemd(every)
    asked = request.job(
        name,
        command,
        folder=folder,
        within=within,
        archive=archive_in,
        endpoint=archive_endpoint,
        region=archive_region,
        credentials_file=archive_credentials,
        retain=retain,
        lock=lock,
        prometheus=prometheus,
        key=key,
    )
    request.fits(asked.within, when)
    words = request.words(
        when,
        command,
        {
            "--name": name,
            "--within": within,
            "--folder": folder,
            "--archive": archive_in,
            "--archive-endpoint": archive_endpoint,
            "--archive-region": archive_region if archive_in else "",
            "--archive-credentials": archive_credentials,
            "--retain": retain,
            "--lock": lock,
            "--prometheus": prometheus,
            "--key": key,
        },
    )
    files = units.units(name, when, asked.within, (*units.program(), *words), environment=environment)
    _give(files, into)
    if into:
        unit = f"drillproof-{name}"
        typer.echo(f"systemd-analyze verify {into}/{unit}.service {into}/{unit}.timer")
        typer.echo(f"sudo cp {into}/{unit}.service {into}/{unit}.timer /etc/systemd/system/")
        typer.echo(f"sudo systemctl daemon-reload && sudo systemctl enable --now {unit}.timer")
    return 0


@group.command(
    epilog=options.examples(
        "drillproof schedule cronjob --every '0 3 * * 1' --image registry.example.org/drillproof:0.1.0 \\\\",
        "    --archive evidence/dr --retain 90d --config drillproof.toml -- run --context in-cluster > cronjob.yaml",
        "kubectl apply --dry-run=server -f cronjob.yaml",
    )
)
def cronjob(
    command: scheduled.Command,
    image: Annotated[str, typer.Option(metavar="REF", help="Of drillproof; see clusters/images/drillproof.")],
    archive_in: Annotated[
        str,
        typer.Option("--archive", metavar="NAME[/PREFIX]", help="Bucket that keeps the evidence; a pod keeps none."),
    ],
    every: Every = "weekly",
    name: scheduled.Name = "drillproof",
    within: scheduled.Within = "6h",
    archive_endpoint: scheduled.ArchiveEndpoint = "",
    archive_region: scheduled.ArchiveRegion = "us-east-1",
    retain: scheduled.Retain = None,
    lock: scheduled.Lock = "",
    secret_name: Annotated[
        str, typer.Option("--secret", metavar="NAME", help="Secret with own.key, archive, and what else is told.")
    ] = "drillproof",  # noqa: S107 # the name of a Secret
    webhook: Annotated[
        bool, typer.Option("--webhook", help="Tell the webhook that the Secret's `webhook` names.")
    ] = False,
    webhook_secret: Annotated[
        bool, typer.Option("--webhook-secret", help="Sign that with the Secret's `webhook-secret`.")
    ] = False,
    config: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Allows drills on the context in-cluster; see docs/how-to/existing-cluster.md."
        ),
    ] = Path("drillproof.toml"),
    into: Into = None,
) -> int:
    """Write a CronJob with its rights, for a cluster that is there: it drills the cluster that it runs in."""
    from harness.campaigns.schedule import calendar, cronjob, request
    from harness.core import durations
    from harness.workflows.proof.request import place

    when, limit = calendar.cron(every), durations.parse("--within", within)
    request.named(name)
    request.of_pod(command)
    request.image(image)
    place("--archive", archive_in, archive_endpoint, archive_region)
    request.retention(retain, lock)
    request.fits(limit, when)
    if webhook_secret and not webhook:
        raise Misconfigured("--webhook-secret signs what a webhook is told; say --webhook, too")
    words = request.words(
        when,
        (*command, "--config", cronjob.CONFIG),
        {
            "--name": name,
            "--within": within,
            "--archive": archive_in,
            "--archive-endpoint": archive_endpoint,
            "--archive-region": archive_region,
            "--archive-credentials": f"{cronjob.FILES}/{cronjob.ARCHIVE}",
            "--retain": retain,
            "--lock": lock,
            "--webhook-secret": f"{cronjob.FILES}/{cronjob.WEBHOOK_SECRET}" if webhook_secret else "",
        },
    )
    told = (("DRILLPROOF_WEBHOOK", cronjob.WEBHOOK),) if webhook else ()
    pod = cronjob.Pod(image, words, secret_name, request.text(config), told)
    _give({f"drillproof-{name}.yaml": cronjob.render(cronjob.objects(name, when, limit, pod))}, into)
    return 0


def _give(files: dict[str, str], into: Path | None) -> None:
    from harness.campaigns.schedule import request

    if into:
        request.written(files, into)
        for name in files:
            typer.echo(f"# {into / name}")
        return
    for name, content in files.items():
        typer.echo(f"# {name}\n{content}", nl=False)
