"""Commands for drills and proofs that run unattended: `schedule`, `job` and `notify`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.cli import options, output
from harness.core import durations, paths
from harness.core.errors import Misconfigured
from harness.core.text import one_line

if TYPE_CHECKING:
    from harness.campaigns.schedule.attempt import Attempt


@options.command("schedule systemd")
def systemd(
    command: list[str],
    job: options.Job,
    every: str = "weekly",
    environment: Path | None = None,
    into: Path | None = None,
) -> int:
    from harness.campaigns.schedule import application, calendar, request, units

    when = calendar.systemd(every)
    limit = job.checked(command).within
    request.require_fit(limit, when)
    words = request.words(when, application.by_path(command), vars(job))
    files = units.systemd(job.name, when, limit, (*units.program(), *words), environment=environment)
    _write(files, into)
    if into:
        unit = f"drillproof-{job.name}"
        typer.echo(f"systemd-analyze verify {into}/{unit}.service {into}/{unit}.timer")
        typer.echo(f"sudo cp {into}/{unit}.service {into}/{unit}.timer /etc/systemd/system/")
        typer.echo(f"sudo systemctl daemon-reload && sudo systemctl enable --now {unit}.timer")
    return 0


@options.command("schedule cronjob")
def cronjob(
    command: list[str],
    archive: options.ArchiveBucket,
    retention: options.Retention,
    image: str,
    every: str = "weekly",
    name: str = "drillproof",
    within: str = "6h",
    secret_name: str = "drillproof",  # noqa: S107 # the name of a Secret
    webhook: bool = False,
    webhook_secret: bool = False,
    config: Path = Path("drillproof.toml"),
    into: Path | None = None,
) -> int:
    from harness.campaigns.schedule import application, calendar, request, units
    from harness.workflows.proof.request import place

    if not archive.archive:
        raise Misconfigured("--archive is missing: a pod keeps no files; name the bucket that keeps the evidence")
    when, limit = calendar.cron(every), durations.parse("--within", within)
    request.require_name(name)
    request.require_pod_command(command)
    request.require_image(image)
    place("--archive", archive.archive, archive.archive_endpoint, archive.archive_region)
    request.retention(retention.retain, retention.lock)
    request.require_fit(limit, when)
    if webhook_secret and not webhook:
        raise Misconfigured("--webhook-secret needs --webhook: it signs what the webhook gets")
    drilled, own = application.shipped(command, config)
    words = request.words(
        when,
        (*drilled, "--config", units.CONFIG),
        {
            "name": name,
            "within": within,
            **vars(archive),
            "archive_credentials": units.CREDENTIALS,
            **vars(retention),
            "webhook_secret": units.WEBHOOK_SECRET if webhook_secret else None,
        },
    )
    yaml = units.cronjob(
        name,
        when,
        limit,
        words,
        image=image,
        secret=secret_name,
        config=request.text(config),
        webhook=webhook,
        application=own,
    )
    _write({f"drillproof-{name}.yaml": yaml}, into)
    return 0


def _write(files: dict[str, str], into: Path | None) -> None:
    for name, content in files.items():
        if into:
            with paths.writing(into, "--into"):
                into.mkdir(parents=True, exist_ok=True)
                (into / name).write_text(content, encoding="utf-8")
            typer.echo(f"# {into / name}")
        else:
            typer.echo(f"# {name}\n{content}", nl=False)


@options.command("job run")
def run_job(command: list[str], job: options.Job, webhook: options.Webhook, every: str | None = None) -> int:
    from harness.campaigns.schedule import job as jobs
    from harness.campaigns.schedule import notification

    asked = job.checked(command, every, notification.parse(webhook.webhook or None, webhook.webhook_secret))
    return jobs.exit_code(jobs.attempt(asked, lambda line: typer.echo(line, err=True)))


@options.command("job status")
def job_status(job: options.JobFolder, archive: options.Archive, as_json: bool = False) -> int:
    from harness.campaigns.schedule import attempt as attempts
    from harness.campaigns.schedule import attempt_log, request
    from harness.evidence.signing import keys

    name = request.require_name(job.name)
    places = [attempt_log.files(job.folder / name / "attempts")]
    if kept := archive.opened():
        kept.open(write=False)
        places.append(kept.attempts(name))
    history = attempt_log.history(name, places, keys.believed())
    verdict, why = attempts.standing(history.attempts, datetime.now(UTC), history.doubt)
    known = [attempts.document(each) for each in history.attempts]
    document = {"job": name, "verdict": verdict, "why": why, "attempts": known, "problems": history.problems}
    lines = [*map(_line, history.attempts), *(one_line(f"not trusted: {each}") for each in history.problems)]
    output.result(document, [*lines, one_line(f"{verdict.name} {name}: {why}")], as_json=as_json)
    return output.EXIT_CODES[verdict]


@options.command("notify")
def notify(
    webhook: options.Webhook, run: str = "latest", runs: Path = options.RUNS, prometheus: Path | None = None
) -> int:
    from harness.campaigns import trend
    from harness.campaigns.schedule import notification
    from harness.campaigns.schedule import prometheus as metrics
    from harness.checks.trust import believed
    from harness.evidence import run_directory
    from harness.evidence.signing import keys

    hook = notification.parse(**vars(webhook))
    if not hook and not prometheus:
        raise Misconfigured("name a webhook with --webhook, or a file with --prometheus")
    if prometheus:
        metrics.require_writable(prometheus)
    path = run_directory.find(runs, run)
    judged = believed(path)
    if prometheus:
        found = trend.trend(path.parent, keys.known(), scenarios=())
        metrics.write(prometheus, metrics.Metrics(found))
    if hook:
        hook.send(notification.message([judged]))
    return output.EXIT_CODES[judged.verdict]


def _line(attempt: Attempt) -> str:
    from harness.campaigns.schedule.attempt import ENDED, HOW

    how = "" if attempt.how == ENDED else HOW[attempt.how]
    why = one_line("; ".join(filter(None, (how, attempt.detail, attempt.missed, *attempt.troubles))))
    return f"{attempt.verdict.name:7}  {attempt.began:%Y-%m-%d %H:%M}  {attempt.how:11}  {why}".rstrip()
