"""`drillproof prove`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, tell

app = typer.Typer()


@app.command(
    epilog=options.examples(
        "drillproof prove --bucket backups/velero --credentials ./credentials-velero --age 90000",
        "drillproof prove nightly-20261124 --bucket backups --endpoint http://127.0.0.1:9000 --without-fingerprint",
    )
)
def prove(
    bucket: Annotated[str, typer.Option(metavar="NAME[/PREFIX]", help="Where Velero keeps its backups.")],
    backup: Annotated[
        str, typer.Argument(metavar="[BACKUP]", help="Velero's name for it; or the newest one.")
    ] = "newest",
    endpoint: Annotated[str, typer.Option(metavar="URL", help="Of the object store; AWS if not given.")] = "",
    region: Annotated[str, typer.Option(help="Of the bucket.")] = "us-east-1",
    credentials: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As Velero's own; else AWS_ACCESS_KEY_ID and the like.")
    ] = None,
    database: Annotated[
        list[str] | None, typer.Option(metavar="KIND=NS/POD", help="One that is not found by itself.")
    ] = None,
    without_fingerprint: Annotated[
        bool, typer.Option("--without-fingerprint", help="Ask only whether it comes back sound, not whether equal.")
    ] = False,
    rto: Annotated[float | None, typer.Option(metavar="SECONDS", help="How long it may take to answer.")] = None,
    rpo: Annotated[float | None, typer.Option(metavar="SECONDS", help="How old its newest row may be.")] = None,
    age: Annotated[float | None, typer.Option(metavar="SECONDS", help="How old the backup itself may be.")] = None,
    before: options.Before = None,
    after: options.After = None,
    repository_password: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where Velero was given one of its own.")
    ] = None,
    keep: options.Keep = False,
    images: options.Images = "auto",
    mirror: options.Mirror = None,
    cluster: options.Cluster = "drillproof-prove",
    key: options.Key = None,
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> int:
    """Prove a backup that somebody's Velero took: restore it behind a fence, and read it."""
    from harness.conduct import conduct
    from harness.prove import assembly, request

    asked = request.options(
        backup,
        bucket=bucket,
        endpoint=endpoint,
        region=region,
        credentials_file=credentials,
        databases=database or (),
        without_fingerprint=without_fingerprint,
        rto_s=rto,
        rpo_s=rpo,
        age_s=age,
        before=before or (),
        after=after or (),
        repository_password_file=repository_password,
        keep=keep,
        images=images,
        mirror=mirror,
        runs=runs,
        cluster=cluster,
        key=key,
    )
    with assembly.ProofSite() as site, tell.watch(quiet=quiet) as watcher:
        story = conduct(asked, watcher, site)
    tell.story(story, as_json=as_json)
    return tell.EXIT_CODES[story.verdict]
