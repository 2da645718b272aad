"""One proof, from a bucket to a journal that can be judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path

from harness.backups.bucket_reader import BucketReader, Listing, differences, fingerprint
from harness.backups.velero import VeleroEngine
from harness.backups.velero_backup import BackupRecord
from harness.clusters.environment import EnvironmentCluster
from harness.clusters.platform_health import PlatformHealth
from harness.core import parallel, timeouts
from harness.core.errors import HarnessError, TimedOut, ToolFailed
from harness.core.model import DONE, PROOF_STEPS, Json, of_phase
from harness.evidence.journal import Journal
from harness.workflows.database_reader import DatabaseReader, examiner, record_state
from harness.workflows.proof.request import ProofOptions
from harness.workflows.run_options import Hook
from harness.workflows.steps import Steps
from harness.workloads.detection import Database

MOST = 100
"""The number of differences of the bucket that are listed."""


@dataclass(frozen=True)
class BackupInBucket:
    """One backup in a bucket, read before anything is created. `listing` is the whole bucket at that time."""

    source: BucketReader
    listing: Listing
    recorded: BackupRecord
    databases: tuple[Database, ...]

    @property
    def bytes_total(self) -> int:
        return sum(self.listing[key].size for key in self.recorded.keys(self.listing))


@dataclass(frozen=True)
class Sandbox:
    """Where a backup is restored: a new isolated cluster, or new namespaces of a shared cluster."""

    cluster: EnvironmentCluster
    engine: VeleroEngine  # its reports name pods as NAMESPACE/POD
    kubectl: Path
    namespace: str  # that users' hooks get
    lane: str  # of the Velero that restores
    versions: dict[str, Json]  # for run.json
    prepare: Callable[[], None] = lambda: None  # what the restored pods need of the cluster: storage classes
    afterwards: Callable[[], str] = lambda: ""  # a last question after all reading; the answer in words. HarnessError
    secrets: frozenset[str] = frozenset()  # what no file of a run may contain
    more: Mapping[str, Json] = field(default_factory=dict)  # what else run.json says


SandboxProvider = Callable[[ProofOptions, BackupInBucket, Callable[[str], None]], Sandbox]
"""Prepares a sandbox for a backup, and says how. Misconfigured, and nothing stays behind, if that is impossible."""


@dataclass
class Proof:
    """Restores one backup and reads it. Decides nothing: it writes the journal, which `checks.judge` reads."""

    sandbox: Sandbox
    backup: BackupInBucket
    journal: Journal
    _: KW_ONLY
    hooks: Sequence[Hook]
    env: Mapping[str, str]  # of the hooks
    rto_s: float | None  # nobody waits longer: the objective is missed

    def __post_init__(self) -> None:
        self._platform = PlatformHealth()
        self._steps = Steps(self.journal, self.hooks, self.env, platform=self._platform)
        self._reader = DatabaseReader(self.journal, examiner(self.sandbox.cluster.kubectl))
        self._name = f"proof-{self.journal.path.parent.name.lower()}"
        # Without an objective, as long as the slowest acceptable restore: 1 MB per second.
        bytes_total = sum(copy.bytes_total for copy in self.backup.recorded.report.volumes)
        self._restore_within_s = self.rto_s or timeouts.RESTORE_S + bytes_total / 1e6
        self._answer_within_s = self.rto_s or timeouts.RECOVER_S

    def run(self) -> None:
        """Run all steps in order. Every error is in the journal before this returns.

        1. `up`: an isolated cluster with its own object store, and the backup engine.
        2. `fetch`: copies the backup's objects from the source into that store. So the engine writes nothing (logs,
           locks) to the source, and the source's credentials never get into the cluster.
        3. `restore`: the engine restores the copy. T4: requested. T5: the engine reports the end.
        4. `readback`: every database answers (T7), is read for the comparison with its fingerprint, and checks itself
           (T9). The source is listed again at the very end, after any error.
        """
        actions = {"up": self._up, "fetch": self._fetch, "restore": self._restore, "readback": self._read_back}
        self._note_source("before", self.backup.listing)
        self._steps.take({step: actions[step] for step in PROOF_STEPS})
        try:
            if told := self.sandbox.afterwards():
                self.journal.append("note", text=told)
            self._note_source("after", self.backup.source.listing())
        except HarnessError as error:
            self._steps.broke(error)

    def _up(self) -> None:
        self.sandbox.cluster.up()
        self._platform.watch(self.sandbox.cluster, *self.backup.recorded.namespaces)
        self.sandbox.engine.install()
        self.sandbox.prepare()

    def _fetch(self) -> None:
        backup = self.backup
        keys = backup.recorded.keys(backup.listing)
        copied = backup.source.copy(keys, self.sandbox.cluster.store)
        self.journal.append("fetched", objects=len(keys), bytes=copied)
        if copied != backup.bytes_total:
            raise HarnessError(f"copied {copied} bytes, which is not what the source had listed; run the proof again")

    def _restore(self) -> None:
        recorded, engine = self.backup.recorded, self.sandbox.engine
        backup, name = recorded.report, self._name
        # The backup does not say which engine took it, only how its volumes were copied.
        self.journal.append("backup", engine=engine.name, **asdict(backup))
        try:
            engine.resync(backup.name)
            self.journal.mark("T4")
            report = engine.restore(name, backup.name, recorded.namespaces, within_s=self._restore_within_s)
        except (ToolFailed, TimedOut) as error:
            self._platform.require()
            self._steps.fail(str(error), error)
        if report.phase != DONE:
            self._platform.require()
        self.journal.append("restore", engine=engine.name, **asdict(report))
        self.journal.mark("T5")
        if report.phase != DONE:  # it failed already: read what does come up, without a long wait
            self._answer_within_s = min(self._answer_within_s, timeouts.HEALTHY_S)

    def _read_back(self) -> None:
        databases, within_s = self.backup.databases, self._answer_within_s
        answered = self._reader.wait_for_all(databases, within_s, self._platform.require)
        parallel.for_each(answered, self._read)
        self.journal.mark("T9")
        cluster = self.sandbox.cluster
        record_state(self.journal, cluster.kubectl, cluster.volumes, self.backup.recorded.namespaces)

    def _read(self, database: Database) -> None:
        form = self._reader.fingerprint(database) if database.fingerprint else ""
        self._reader.digest(database, "after", form=form)
        self._reader.newest(database)
        self._reader.check(database)

    def _note_source(self, when: str, listing: Listing) -> None:
        before = self.backup.listing
        differ = differences(before, listing)
        more = [f"and {len(differ) - MOST} more"] if len(differ) > MOST else []
        ours = (key for key in listing if key.startswith(f"restores/{self._name}/"))
        self.journal.append(
            "listing",
            when=when,
            objects=len(listing),
            bytes=sum(thing.size for thing in listing.values()),
            sha256=fingerprint(listing),
            differences=[*[*differ.values()][:MOST], *more],
            changed=[*differ][:MOST],
            touched=[*self.backup.recorded.touched(before, listing), *ours][:MOST],
        )


def record_failure(backup: BackupInBucket, journal: Journal) -> None:
    """Write the journal of a proof that ends before it starts: Velero itself says that the backup failed."""
    report, steps = backup.recorded.report, Steps(journal, (), {})
    journal.append("backup", engine=f"velero-{backup.recorded.uploader}", **asdict(report))
    why = f"the backup {report.name} is {report.phase}, so it holds nothing to restore"
    steps.take({PROOF_STEPS[0]: lambda: steps.fail(why, reasons=[of_phase("backup", report.phase)])})
