"""Puts a proof together from its parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from harness.backups import velero_backup
from harness.backups.bucket_reader import Listing, S3Source
from harness.backups.velero import VeleroEngine
from harness.backups.velero_backup import Recorded, copy_of
from harness.backups.velero_install import NAMESPACE, map_storage_classes
from harness.checks.proof_metrics import LEFT_OUT
from harness.clusters import local
from harness.clusters.environment import SiteCluster
from harness.clusters.images import preload
from harness.clusters.kind import KindCluster
from harness.core import paths, resources
from harness.core.clock import Clock
from harness.core.errors import Misconfigured
from harness.core.kubernetes import RunsKubectl, objects
from harness.core.model import PROOF_STEPS, Event, Json, Plan, ToolReport, Verdict
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.workflows import run_metadata, session
from harness.workflows.proof.proof import Parts, Prove
from harness.workflows.proof.request import ProofOptions
from harness.workflows.proof.sandbox import Ground, Stand
from harness.workflows.session import SelfTest
from harness.workloads import detection, images
from harness.workloads.database_probe import Examiner
from harness.workloads.detection import Database

ROOM = 3
"""Bytes of disk for each byte of the backup: restored, and what a database makes of it."""

NAME = "prove"

_CLASS = "drill"
"""The storage class that our clusters have; those of the backup become it."""


class ProofSite:
    """Where one backup is proved. A context manager: on the way out the cluster is taken down, or let go."""

    def __init__(self, self_test: SelfTest, ground: Ground | None = None) -> None:
        """Nothing is made yet. Without a `ground`, a fenced cluster of its own will be."""
        self._self_test = self_test
        self._ground = ground or OwnGround()
        self._cluster: SiteCluster | None = None
        self._keep = False
        self._known: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        session.leave(self._cluster, keep=self._keep)

    def drill(self, options: ProofOptions, on_event: Callable[[Event], None], say: Callable[[str], None]) -> Path:
        """Prove one backup, and return its run directory; the journal there says how it went.

        Misconfigured for a bucket or a backup that cannot be proved; nothing has been made then.
        """
        found = Looked.at(options)
        recorded, databases = found.recorded, found.databases
        for line in _told(recorded, databases):
            say(line)
        self._known = recorded.secret_values | {options.credentials.secret_key, options.credentials.token}
        self._known |= {options.repository_password}
        self._keep = options.keep
        stand = self._ground.stand(options, recorded, databases, found.size, say)
        cluster = self._cluster = stand.cluster
        self._known |= stand.secrets
        run = run_directory.create(options.runs, NAME, _facts(options, stand, recorded, databases))
        journal = Journal(run / "journal.jsonl", Clock(), on_event, self.secrets)
        try:
            journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
            journal.append("selftest", tier="rehearsed", **self._self_test())
            parts = Parts(
                cluster=cluster,
                engine=stand.engine,
                bucket=lambda: cluster.store,
                source=found.source,
                listing=found.listing,
                recorded=recorded,
                databases=databases,
                examiner=Examiner(cluster.kubectl, resources.fixtures() / "prove"),
                prepare=stand.prepare,
                hooks=options.hooks,
                env=session.environment(stand.kubectl, cluster, run, stand.namespace, NAME),
                rto_s=options.objectives.rto_s,
                afterwards=stand.afterwards,
            )
            with session.logs_home(cluster, stand.engine.collect, journal, self.secrets):
                Prove(parts, run, journal).run()
        finally:
            journal.close()
        return run

    def settle(self, run: Path, verdict: Verdict) -> None:
        """Nothing is left to another proof."""

    def secrets(self) -> frozenset[str]:
        """What must be in no file of a run."""
        return frozenset(filter(None, self._known | session.keys_of_store(self._cluster)))


@dataclass(frozen=True)
class Looked:
    """What the bucket says of a backup before anything is made."""

    source: S3Source
    listing: Listing
    recorded: Recorded
    databases: tuple[Database, ...]

    @classmethod
    def at(cls, options: ProofOptions) -> Self:
        """Look. Misconfigured for a bucket or a backup that cannot be proved."""
        source = S3Source(options.place, options.credentials)
        listing = source.listing()
        recorded = velero_backup.read(source, listing, options.backup, options.schedule)
        databases = detection.databases(recorded.pods, options.databases)
        _is_whole(recorded)
        return cls(source, listing, recorded, databases)

    @property
    def size(self) -> int:
        """Bytes that belong to the backup."""
        return sum(self.listing[key].size for key in self.recorded.keys(self.listing))


class OwnGround:
    """A fenced cluster of its own. Implements `harness.workflows.proof.sandbox.Ground`."""

    def stand(
        self,
        options: ProofOptions,
        recorded: Recorded,
        databases: tuple[Database, ...],  # noqa: ARG002 # all are at home there
        size: int,
        say: Callable[[str], None],
    ) -> Stand:
        """Nothing is made yet but images."""
        restored = sum(copy.bytes_total for copy in recorded.report.volumes)
        paths.room(size + ROOM * restored, f"the backup {recorded.report.name} and what is restored of it")
        supplied = local.ensure(options.images, options.mirror, say)
        supplied = preload.on_nodes(supplied, images.wanted(recorded.pods))
        cluster = supplied.cluster(options.cluster)
        _is_new(cluster)
        velero = VeleroEngine(cluster, lambda: cluster.store, supplied.release, uploader=recorded.uploader)
        return Stand(
            cluster=cluster,
            engine=_Engine(velero, cluster.kubectl, options.repository_password),
            kubectl=supplied.kubectl,
            namespace=next(iter(recorded.namespaces), ""),
            versions=supplied.facts(),
            prepare=lambda: _prepare(cluster, recorded),
        )


@dataclass(frozen=True)
class _Engine:
    """Velero, as a proof asks for it. Implements `harness.workflows.proof.proof.Restorer`."""

    velero: VeleroEngine
    kubectl: RunsKubectl
    repository_password: str

    @property
    def name(self) -> str:
        return self.velero.name

    def install(self) -> None:
        if self.repository_password:  # else Velero makes the one that it always makes
            labels: Json = {"component": "velero"}
            wanted: list[Json] = [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}},
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": "velero-repo-credentials", "namespace": NAMESPACE},
                    "stringData": {"repository-password": self.repository_password},
                },
            ]
            self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted}))
        self.velero.install()
        # It may be long past its time, and Velero would remove it; nor is there anything to mend in a copy.
        only_read = ("--type=merge", '--patch={"spec": {"accessMode": "ReadOnly"}}')
        self.kubectl("patch", "backupstoragelocations.velero.io", "default", f"--namespace={NAMESPACE}", *only_read)

    def collect(self, into: Path) -> None:
        self.velero.collect(into)

    def look_again(self, backup: str) -> None:
        self.velero.look_again(backup)

    def restore(self, name: str, backup: str, namespaces: tuple[str, ...], *, within_s: float) -> ToolReport:
        report = self.velero.restore(name, backup, namespaces, within_s=within_s)
        selector = f"--selector=velero.io/restore-name={name}"
        found = objects(self.kubectl, "podvolumerestores.velero.io", f"--namespace={NAMESPACE}", selector)
        return replace(report, volumes=tuple(sorted(map(copy_of, found), key=lambda copy: (copy.pod, copy.volume))))


def _told(recorded: Recorded, databases: tuple[Database, ...]) -> tuple[str, ...]:
    """What will be proved, for whoever watches to confirm or to stop."""
    report = recorded.report
    copied = f"{len(report.volumes)} volumes copied with {recorded.uploader}, of {', '.join(recorded.namespaces)}"
    return (
        f"the backup {report.name}, begun {recorded.started}: {report.phase}, {copied}",
        *(
            f"database {each.key}, container {each.container}: {each.why}; "
            f"{f'fingerprint in {each.fingerprint}' if each.fingerprint else 'no fingerprint'}"
            for each in databases
        ),
    )


def _is_new(cluster: KindCluster) -> None:
    """Misconfigured where there is one: its pods would answer in place of the restored; it may hold the very source."""
    if cluster.is_there():
        raise Misconfigured(
            f"a cluster {cluster.name} is there already, and a backup is proved only on a new one; "
            "name another with --cluster, or remove it with `drillproof gc`"
        )


def _is_whole(recorded: Recorded) -> None:
    if missing := detection.missing_secrets(recorded.pods, recorded.secrets):
        raise Misconfigured(
            f"the backup {recorded.report.name} lacks Secrets without which pods cannot start: {', '.join(missing)}; "
            "back them up, too"
        )


def _prepare(cluster: KindCluster, recorded: Recorded) -> None:
    """A storage class for every claim."""
    default = "storageclass.kubernetes.io/is-default-class=true"
    cluster.kubectl("annotate", "--overwrite", "storageclass", _CLASS, default)
    others = {claim.storage_class for claim in recorded.claims} - {"", _CLASS}
    map_storage_classes(cluster.kubectl, dict.fromkeys(sorted(others), _CLASS))


def _facts(options: ProofOptions, stand: Stand, recorded: Recorded, databases: tuple[Database, ...]) -> dict[str, Json]:
    places = {each.place for each in databases}
    copied = {copy.pod for copy in recorded.report.volumes}
    copied |= {pod for claim in recorded.claims if claim.copied for pod in claim.pods}
    named: list[Json] = [
        {**asdict(each), "key": each.key, "place": each.place, "copied": each.place in copied} for each in databases
    ]
    return {
        "kind": run_directory.PROOF,
        "summary": f"Proves the backup {recorded.report.name} from the bucket {options.place.name}.",
        "asked": options.asked,
        "steps": list(PROOF_STEPS),
        "plan": asdict(Plan(new_cluster=True)),
        "expected_findings": [],
        "objectives": {**asdict(options.objectives), "age_s": options.age_s},
        "engine": f"velero-{recorded.uploader}",
        "stores": {each.key: [each.pod] for each in databases},
        "hooks": [asdict(hook) for hook in options.hooks],
        "backup": {
            "name": recorded.report.name,
            "place": asdict(options.place),
            "format": recorded.format,
            "started": recorded.started,
            "completed": recorded.completed,
            "namespaces": list(recorded.namespaces),
            "left_out": list(recorded.left_out),
            "missed": list(recorded.missed),
            "hooks": recorded.hooks,
            "claims": [claim.address for claim in recorded.claims],
            "uncopied": [claim.address for claim in recorded.claims if not claim.copied],
            "unread": [claim.address for claim in recorded.claims if claim.copied and not places & {*claim.pods}],
            "elsewhere": list(recorded.elsewhere),
            "schedule": recorded.schedule,
            "others": list(recorded.others),
        },
        "databases": named,
        "versions": stand.versions,
        **stand.more,
        "commit": run_metadata.commit(),
        "selftest": None,
        "left_out": {each.kind: dict(LEFT_OUT[each.kind]) for each in databases},
        "host": run_metadata.host(),
    }
