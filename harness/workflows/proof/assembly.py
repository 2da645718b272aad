"""Puts a proof together from its parts."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from harness.backups import velero_backup, velero_lane
from harness.backups.bucket_reader import BucketReader
from harness.backups.data_mover import Snapshots
from harness.backups.velero import VeleroEngine
from harness.backups.velero_backup import BackupRecord
from harness.backups.velero_install import NAMESPACE, Release, map_storage_classes
from harness.backups.velero_lane import Lane
from harness.clusters import local
from harness.clusters.images import versions
from harness.clusters.kind import KindCluster
from harness.core import paths
from harness.core.choices import choose_all
from harness.core.errors import Misconfigured
from harness.core.kubernetes import address
from harness.core.model import PROOF_STEPS, Json, Plan
from harness.core.objects import made, together
from harness.evidence import run_directory
from harness.workflows import run_metadata
from harness.workflows.progress import Progress
from harness.workflows.proof.absent import absent
from harness.workflows.proof.proof import BackupInBucket, Proof, Sandbox, SandboxProvider, record_failure
from harness.workflows.proof.request import ProofOptions
from harness.workflows.session import SelfTest, Session, hook_environment, with_program
from harness.workloads import detection
from harness.workloads.detection import Database

ROOM = 3
"""Bytes of disk for each byte of the backup: the restored files, and what the database adds."""

NAME = "prove"

AS_RECORDED = (
    *("format", "started", "completed", "namespaces", "left_out", "missed", "hooks_reported", "elsewhere", "moved"),
    *("unreadable", "newer", "unasked", "schedule", "others"),
)
"""What run.json says of the backup as its record does."""

_CLASS = "drill"
"""The StorageClass of our clusters; it replaces those of the backup."""


class ProofSession(Session[ProofOptions]):
    def __init__(self, self_test: SelfTest, provider: SandboxProvider) -> None:
        """Creates nothing yet. The backup is restored in a sandbox of the `provider`."""
        super().__init__(self_test)
        self._provider = provider

    def drill(self, options: ProofOptions, progress: Progress) -> Path:
        backup = find(options)
        for line in _told(backup, _maker(backup)):
            progress.say(line)
        credentials = options.credentials
        self._hidden = backup.recorded.secret_values | {
            *(credentials.secret_key, credentials.token, options.repository_password)
        }
        if backup.recorded.failed:
            with self.record(options.runs, NAME, _facts(options, None, backup), progress) as journal:
                record_failure(backup, journal)
            return journal.path.parent
        self._keep = options.keep
        sandbox = self._provider(options, backup, progress.say)
        cluster = self._cluster = sandbox.cluster
        self._hidden |= sandbox.secrets
        with self.record(options.runs, NAME, _facts(options, sandbox, backup), progress) as journal:
            run, path = journal.path.parent, with_program(sandbox.kubectl)
            env = hook_environment(cluster.kubeconfig, run, sandbox.namespace, NAME, PATH=path)
            rto_s = options.objectives.rto_s
            with self.collect(journal, {"cluster": cluster.collect, "tool": sandbox.engine.collect}):
                Proof(sandbox, backup, journal, hooks=options.hooks, env=env, rto_s=rto_s).run()
        return run


def find(options: ProofOptions) -> BackupInBucket:
    """Read the backup's records in the bucket. Misconfigured for a bucket or a backup that cannot be proved."""
    return find_in(BucketReader(options.place, options.credentials), options)


def find_in(source: BucketReader, options: ProofOptions) -> BackupInBucket:
    """The same, of a bucket that is opened."""
    listing = source.listing()
    recorded = velero_backup.read_backup(source, listing, options.backup, options.schedule, options.namespaces)
    if recorded.failed:
        return BackupInBucket(source, listing, recorded, ())
    excepted = set(choose_all("pod", options.not_proved, sorted(map(address, recorded.pods))))
    kept = (pod for pod in recorded.pods if address(pod) not in excepted)
    databases = detection.databases(kept, options.databases)
    _is_whole(recorded, databases)
    return BackupInBucket(source, listing, recorded, databases)


def new_cluster(options: ProofOptions, backup: BackupInBucket, say: Callable[[str], None]) -> Sandbox:
    """A new isolated cluster, of which only the images are created yet."""
    recorded = backup.recorded
    restored = sum(copy.bytes_total for copy in recorded.report.volumes)
    paths.require_disk_space(
        backup.bytes_total + ROOM * restored, f"the backup {recorded.report.name} and what is restored of it"
    )
    pinned = versions.load()
    lane = velero_lane.to_restore(pinned.lanes, options.lane or _maker(backup)[0].name, recorded.copied_with)
    wanted = detection.images_of(recorded.pods)
    supplied = local.prepare(options.images, options.mirror, say, lane=lane.name, wanted=wanted)
    cluster = supplied.cluster(options.cluster)
    _is_new(cluster)
    return Sandbox(
        cluster=cluster,
        engine=_Engine(cluster, supplied.release, recorded, options.repository_password),
        kubectl=supplied.kubectl,
        namespace=next(iter(recorded.namespaces), ""),
        lane=lane.name,
        versions=supplied.facts(),
        prepare=lambda: _prepare(cluster, recorded),
    )


class _Engine(VeleroEngine):
    def __init__(
        self, cluster: KindCluster, release: Release, recorded: BackupRecord, repository_password: str
    ) -> None:
        """Without a `repository_password` the repositories have Velero's default one."""
        super().__init__(
            *(cluster.kubectl, lambda: cluster.store, release),
            uploader=recorded.uploader,
            # The data mover restores onto any storage; only a backup by it needs a driver with snapshots.
            snapshots=Snapshots(lambda: None, _CLASS) if recorded.mover else None,
            with_namespace=True,
        )
        self._repository_password = repository_password

    def install(self) -> None:
        if self._repository_password:
            secret = made("repository-password", namespace=NAMESPACE, password=self._repository_password, run=self.name)
            self._kubectl("create", "namespace", NAMESPACE)
            self._kubectl("create", "-f", "-", stdin=together((secret,)))
        super().install()
        # The backup may have expired, and Velero would delete it; a copy needs no changes.
        only_read = ("--type=merge", '--patch={"spec": {"accessMode": "ReadOnly"}}')
        self._kubectl("patch", "backupstoragelocations.velero.io", "default", f"--namespace={NAMESPACE}", *only_read)


def _maker(backup: BackupInBucket) -> tuple[Lane, str]:
    """The lane that made the backup, or the nearest newer one; and the mark of it in the backup."""
    return velero_lane.made_by(versions.load().lanes, backup.recorded.fields)


def _told(backup: BackupInBucket, maker: tuple[Lane, str]) -> tuple[str, ...]:
    recorded, report = backup.recorded, backup.recorded.report
    if recorded.failed:
        return (f"the backup {report.name}, begun {recorded.started}: {report.phase}, so there is nothing to restore",)
    copied = f"{len(report.volumes)} volumes copied with {recorded.copied_with}, of {', '.join(recorded.namespaces)}"
    lane, mark = maker
    known = f"as its {mark} says" if mark else "or an older one, as nothing in it is of a newer one"
    return (
        f"the backup {report.name}, begun {recorded.started}: {report.phase}, {copied}",
        f"made by Velero {lane.name}, {known}",
        *(f"skipped the backup {each}" for each in recorded.unreadable),
        *(
            f"database {each.key}, container {each.container}: {each.why}; "
            f"{f'fingerprint in {each.fingerprint}' if each.fingerprint else 'no fingerprint'}"
            for each in backup.databases
        ),
        *(
            f"NOT judged, although it looks like a database: {pod}, {why}"
            for pod, why in detection.unjudged(recorded.pods, backup.databases).items()
        ),
    )


def _is_new(cluster: KindCluster) -> None:
    """Misconfigured for an existing cluster: its pods could answer instead of the restored ones."""
    if cluster.exists():
        raise Misconfigured(
            f"the cluster {cluster.name} already exists, and a proof needs a new one; "
            "name another with --cluster, or remove it with `drillproof gc`"
        )


def _is_whole(recorded: BackupRecord, databases: Sequence[Database]) -> None:
    places = {each.place for each in databases}
    pods = (pod for pod in recorded.pods if address(pod) in places)
    if missing := detection.missing_secrets(pods, recorded.secrets):
        raise Misconfigured(
            f"the backup {recorded.report.name} lacks Secrets that its databases need: {', '.join(missing)}; "
            "include them in the backup"
        )


def _prepare(cluster: KindCluster, recorded: BackupRecord) -> None:
    default = "storageclass.kubernetes.io/is-default-class=true"
    cluster.kubectl("annotate", "--overwrite", "storageclass", _CLASS, default)
    others = {claim.storage_class for claim in recorded.claims} - {"", _CLASS}
    map_storage_classes(cluster.kubectl, dict.fromkeys(sorted(others), _CLASS))


def _facts(options: ProofOptions, sandbox: Sandbox | None, backup: BackupInBucket) -> dict[str, Json]:
    recorded, databases = backup.recorded, backup.databases
    passed_over, lacking = detection.unjudged(recorded.pods, databases), absent(recorded)
    places = {each.place for each in databases}
    copied = {copy.pod for copy in recorded.report.volumes}
    copied |= {pod for claim in recorded.claims if claim.copied for pod in claim.pods}
    moved = {pod for claim in recorded.claims if claim.address in recorded.moved for pod in claim.pods}
    maker, mark = _maker(backup)
    return {
        **run_metadata.common(options),
        **run_metadata.of_databases(databases),
        "kind": run_directory.PROOF,
        "summary": f"Proves the backup {recorded.report.name} from the bucket {options.place.name}.",
        "steps": list(PROOF_STEPS),
        "plan": Plan(new_cluster=True).recorded,
        "engine": f"velero-{recorded.copied_with}",
        **({"lane": sandbox.lane} if sandbox else {}),
        "asked": options.asked,
        "objectives": {**asdict(options.objectives), "age_s": options.age_s},
        "backup": {
            "name": recorded.report.name,
            "place": asdict(options.place),
            **{name: getattr(recorded, name) for name in AS_RECORDED},
            "made_by": {"lane": maker.name, "mark": mark},
            "hooks": recorded.hooks.count,
            "idle_hooks": recorded.hooks.idle,
            "claims": [claim.address for claim in recorded.claims],
            "absent": list(lacking.needed),
            "created_elsewhere": list(lacking.controllers),
            "uncopied": [
                claim.address for claim in recorded.claims if not claim.copied and claim.address not in recorded.moved
            ],
            "unread": [claim.address for claim in recorded.claims if claim.copied and not places & {*claim.pods}],
            "unmounted": [claim.address for claim in recorded.claims if not claim.pods],
            "unstarted": list(detection.missing_secrets(recorded.pods, recorded.secrets)),
            "not_judged": [f"{pod} ({why})" for pod, why in passed_over.items() if pod not in options.not_proved],
            "excepted": options.not_proved,
        },
        "databases": [
            {**asdict(d), "key": d.key, "place": d.place, "copied": d.place in copied, "moved": d.place in moved}
            for d in databases
        ],
        "versions": sandbox.versions if sandbox else {},
        **(sandbox.more if sandbox else {}),
    }
