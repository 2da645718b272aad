"""`drillproof prove`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, output
from harness.core.errors import Misconfigured

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class NewCluster(options.NewCluster):
    """How the cluster of a proof is created."""

    cluster: Annotated[str, options.option("NAME", "Name of the kind cluster.")] = "drillproof-prove"


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What is proved, and its objectives in seconds."""

    schedule: Annotated[
        str, options.option("NAME", "Use the newest backup of this Velero schedule. Default: of all.")
    ] = ""
    namespaces: Annotated[
        list[str], options.option("NAME", "Prove only this namespace of the backup. Repeatable.", "--namespace")
    ] = field(default_factory=list)
    databases: options.Databases = field(default_factory=list)
    not_proved: Annotated[
        list[str],
        options.option("NS/POD", "Do not judge this pod, which looks like a database. Repeatable.", "--not-proved"),
    ] = field(default_factory=list)
    without_fingerprint: Annotated[
        bool, options.flag("Check only that the data are readable, not that they are equal.", "--without-fingerprint")
    ] = False
    repository_password_file: Annotated[
        Path | None,
        options.option("FILE", "Password of the backup repository, if you changed Velero's.", "--repository-password"),
    ] = None
    rto_s: Annotated[
        float | None, options.option("SECONDS", "Longest time until the restored data can be read.", "--rto")
    ] = None
    rpo_s: Annotated[
        float | None, options.option("SECONDS", "Highest age of the newest row in the backup.", "--rpo")
    ] = None
    age_s: Annotated[float | None, options.option("SECONDS", "Highest age of the backup.", "--age")] = None


@options.command(
    app,
    "drillproof prove --bucket backups/velero --credentials ./credentials-velero --schedule nightly --age 90000",
    "drillproof prove nightly-20261124 --bucket backups --endpoint http://127.0.0.1:9000 --without-fingerprint",
    "drillproof prove --bucket backups/velero --credentials ./credentials-velero --context staging --dry-run",
    section="Prove",
)
def prove(
    bucket: options.Bucket,
    proof: Proof,
    new: NewCluster,
    existing: options.ExistingCluster,
    hooks: options.Hooks,
    evidence: options.Evidence,
    backup: Annotated[
        str, typer.Argument(metavar="[BACKUP]", help="Name of the Velero backup. Default: the newest.")
    ] = "newest",
    dry_run: options.DryRun = False,
    keep: options.Keep = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> int:
    """Restore an existing Velero backup in isolation, and prove it.

    With --context, the backup is restored into new namespaces of an existing cluster: see
    docs/how-to/prove-shared-cluster.md.
    """
    from harness.clusters.permissions_file import allowed_proof
    from harness.selftest.runner import in_memory_self_test_of_proofs
    from harness.workflows.proof import assembly, request
    from harness.workflows.proof.shared_cluster.preflight import SharedProofs
    from harness.workflows.runner import execute

    place = (
        SharedProofs(allowed_proof(existing.context, existing.config), existing.kubeconfig)
        if existing.context is not None
        else None
    )
    if place is None and dry_run:
        raise Misconfigured("--dry-run needs --context: on a new cluster, a proof creates everything")
    if place:
        new.require_defaults()
    asked = request.options(
        backup,
        **vars(bucket),
        **vars(proof),
        keep=keep,
        **vars(new),
        **vars(hooks),
        **vars(evidence),
    )
    if place and dry_run:
        output.manifests(place.planned(asked, assembly.find(asked)))
        return 0
    provider = place.sandbox if place else assembly.new_cluster
    with assembly.ProofSession(in_memory_self_test_of_proofs, provider) as site, output.watch(quiet=quiet) as watcher:
        view = execute(asked, watcher, site)
    return output.outcome(view, as_json=as_json)
