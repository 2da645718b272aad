"""`drillproof prove`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, output
from harness.core.errors import Misconfigured

app = typer.Typer()

CLUSTER = "drillproof-prove"


@app.command(
    epilog=options.examples(
        "drillproof prove --bucket backups/velero --credentials ./credentials-velero --schedule nightly --age 90000",
        "drillproof prove nightly-20261124 --bucket backups --endpoint http://127.0.0.1:9000 --without-fingerprint",
        "drillproof prove --bucket backups/velero --credentials ./credentials-velero --context staging --dry-run",
    )
)
def prove(
    bucket: Annotated[str, typer.Option(metavar="NAME[/PREFIX]", help="Where Velero keeps its backups.")],
    backup: Annotated[
        str, typer.Argument(metavar="[BACKUP]", help="Velero's name for it; or the newest one.")
    ] = "newest",
    schedule: Annotated[
        str, typer.Option(metavar="NAME", help="The newest backup of this schedule of Velero's; of all if not given.")
    ] = "",
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
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    config: options.Config = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --context: print every object that would be made, make none.")
    ] = False,
    keep: options.Keep = False,
    images: options.Images = "auto",
    mirror: options.Mirror = None,
    cluster: options.Cluster = CLUSTER,
    key: options.Key = None,
    runs: options.Runs = options.RUNS,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> int:
    """Prove a backup that somebody's Velero took: restore it behind a fence, and read it.

    With --context it is restored into namespaces of its own on an existing cluster:
    see docs/how-to/prove-shared-cluster.md.
    """
    from harness.selftest.runner import rehearsal_of_proofs
    from harness.workflows.proof import assembly, request
    from harness.workflows.proof.shared_cluster import preflight
    from harness.workflows.runner import conduct

    place = preflight.place(context, kubeconfig, config)
    if place is None and dry_run:
        raise Misconfigured("--dry-run goes with --context; on a cluster of its own a proof makes all of it anew")
    if place and (mirror is not None or images != "auto" or cluster != CLUSTER):
        raise Misconfigured("--images, --mirror and --cluster make no sense with --context; `mirror` is configured")

    asked = request.options(
        backup,
        bucket=bucket,
        schedule=schedule,
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
    if place and dry_run:
        planned = place.planned(asked, assembly.find(asked))
        output.document({"apiVersion": "v1", "kind": "List", "items": list(planned)}, indent=2)
        return 0
    with assembly.ProofSite(rehearsal_of_proofs, place) as site, output.watch(quiet=quiet) as watcher:
        story = conduct(asked, watcher, site)
    output.story(story, as_json=as_json)
    return output.EXIT_CODES[story.verdict]
