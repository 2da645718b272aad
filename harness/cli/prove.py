"""`drillproof prove`."""

from dataclasses import dataclass, field
from pathlib import Path

from harness.cli import options, output
from harness.core.errors import Misconfigured


@dataclass(frozen=True, kw_only=True)
class NewCluster(options.NewCluster):
    cluster: str = "drillproof-prove"


@dataclass(frozen=True, kw_only=True)
class Proof:
    schedule: str = ""
    velero: str | None = None
    namespaces: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    not_proved: list[str] = field(default_factory=list)
    without_fingerprint: bool = False
    repository_password_file: Path | None = None
    rto_s: float | None = None
    rpo_s: float | None = None
    age_s: float | None = None


@options.command("prove")
def prove(
    bucket: options.Bucket,
    proof: Proof,
    new: NewCluster,
    existing: options.ExistingCluster,
    hooks: options.Hooks,
    evidence: options.NewRun,
    backup: str = "newest",
    dry_run: bool = False,
    keep: bool = False,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    from harness.clusters.permissions_file import allowed_proof
    from harness.selftest.runner import in_memory_self_test_of_proofs
    from harness.workflows.proof import assembly, request
    from harness.workflows.proof.shared_cluster.preflight import SharedProofs
    from harness.workflows.runner import execute

    place = None
    if existing.context is not None:
        place = SharedProofs(allowed_proof(existing.context, existing.config), existing.kubeconfig)
    if place is None and dry_run:
        raise Misconfigured("--dry-run needs --context: on a new cluster, a proof creates everything")
    if place:
        new.require_defaults()
        if proof.velero:
            raise Misconfigured("--velero excludes --context: clusters/prove/rbac.yaml is for one version of Velero")
    asked = request.options(
        backup, **vars(bucket), **vars(proof), keep=keep, **vars(new), **vars(hooks), **evidence.said()
    )
    if place and dry_run:
        output.manifests(place.planned(asked, assembly.find(asked)))
        return 0
    provider = place.sandbox if place else assembly.new_cluster
    with assembly.ProofSession(in_memory_self_test_of_proofs, provider) as site, output.watch(quiet=quiet) as watcher:
        view = execute(asked, watcher, site)
    return output.outcome(view, as_json=as_json)
