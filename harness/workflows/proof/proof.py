"""One proof, from a bucket to a journal that can be judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from harness.backups.bucket_reader import BucketReader, Listing, changed_keys, differences, fingerprint
from harness.backups.velero_backup import BackupRecord
from harness.clusters.environment import EnvironmentCluster
from harness.core import parallel, timeouts
from harness.core.errors import HarnessError, TimedOut, ToolFailed
from harness.core.model import DONE, PROOF_STEPS, Json, ToolReport
from harness.evidence.journal import Journal
from harness.workflows.database_reader import DatabaseReader, examiner, record_state
from harness.workflows.proof.request import ProofOptions
from harness.workflows.run_options import Hook
from harness.workflows.steps import Steps
from harness.workloads.detection import Database

MOST = 100
"""The number of differences of the bucket that are listed."""


class Restorer(Protocol):
    """What a proof needs of a backup engine: see `harness.backups.velero.VeleroEngine`."""

    @property
    def name(self) -> str: ...

    def install(self) -> None:
        """Make the engine ready on the cluster."""

    def resync(self, backup: str) -> None:
        """Let it read its bucket again; return when it knows the backup. TimedOut."""

    def restore(self, name: str, backup: str, namespaces: tuple[str, ...], *, within_s: float) -> ToolReport:
        """Restore a backup that it knows; the volumes in the report have their namespaces. TimedOut."""


class Engine(Restorer, Protocol):
    """A backup engine that keeps records."""

    def collect(self, into: Path) -> None:
        """Write its records and logs below `into`; never raises for what is not available."""


@dataclass(frozen=True)
class BackupInBucket:
    """One backup in a bucket, read before anything is created. `listing` is the whole bucket at that time."""

    source: BucketReader
    listing: Listing
    recorded: BackupRecord
    databases: tuple[Database, ...]

    @property
    def bytes_total(self) -> int:
        """Bytes that belong to the backup."""
        return sum(self.listing[key].size for key in self.recorded.keys(self.listing))


@dataclass(frozen=True)
class Sandbox:
    """Where a backup is restored: a new isolated cluster, or new namespaces of a shared cluster."""

    cluster: EnvironmentCluster
    engine: Engine
    kubectl: Path
    namespace: str  # that users' hooks get
    versions: dict[str, Json]  # for run.json
    prepare: Callable[[], None] = lambda: None  # what the restored pods need of the cluster: storage classes
    afterwards: Callable[[], str] = lambda: ""  # a last question after all reading; the answer in words. HarnessError
    secrets: frozenset[str] = frozenset()  # what no file of a run may contain
    more: Mapping[str, Json] = field(default_factory=dict)  # what else run.json says


class SandboxProvider(Protocol):
    """Where sandboxes come from."""

    def sandbox(self, options: ProofOptions, backup: BackupInBucket, say: Callable[[str], None]) -> Sandbox:
        """Prepare a sandbox for a backup. Misconfigured, and nothing stays behind, if that is impossible."""


@dataclass(frozen=True)
class Parts:
    """What a proof works with. `env` is the environment of users' hooks."""

    sandbox: Sandbox
    backup: BackupInBucket
    hooks: tuple[Hook, ...]
    env: dict[str, str]
    rto_s: float | None = None  # nobody waits longer: the objective is missed


class Proof:
    """Restores one backup and reads it. Decides nothing: it writes the journal, which `checks.judge` reads."""

    def __init__(self, parts: Parts, run: Path, journal: Journal) -> None:
        """`run` is the run directory."""
        self._parts = parts
        self._run = run
        self._journal = journal
        self._steps = Steps(journal, parts.hooks, parts.env)
        self._reader = DatabaseReader(journal, examiner(parts.sandbox.cluster.kubectl))
        self._answer_within_s = parts.rto_s or timeouts.RECOVER_S

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
        self._note_source("before", self._parts.backup.listing)
        self._steps.take({step: actions[step] for step in PROOF_STEPS})
        try:
            if told := self._parts.sandbox.afterwards():
                self._journal.append("note", text=told)
            self._note_source("after", self._parts.backup.source.listing())
        except HarnessError as error:
            self._steps.broke(error)

    def _up(self) -> None:
        sandbox = self._parts.sandbox
        sandbox.cluster.up()
        sandbox.engine.install()
        sandbox.prepare()

    def _fetch(self) -> None:
        backup = self._parts.backup
        keys = backup.recorded.keys(backup.listing)
        copied = backup.source.copy(keys, self._parts.sandbox.cluster.store)
        self._journal.append("fetched", objects=len(keys), bytes=copied)
        if copied != backup.bytes_total:
            raise HarnessError(f"copied {copied} bytes, which is not what the source had listed; run the proof again")

    def _restore(self) -> None:
        sandbox, recorded = self._parts.sandbox, self._parts.backup.recorded
        engine, backup = sandbox.engine, recorded.report
        # The backup does not say which engine took it, only how its volumes were copied.
        self._journal.append("backup", engine=engine.name, **asdict(backup))
        name = f"proof-{self._run.name.lower()}"
        # Without an objective, as long as the slowest acceptable restore: 1 MB per second.
        within_s = self._parts.rto_s or timeouts.RESTORE_S + sum(copy.bytes_total for copy in backup.volumes) / 1e6
        try:
            engine.resync(backup.name)
            self._journal.mark("T4")
            report = engine.restore(name, backup.name, recorded.namespaces, within_s=within_s)
        except (ToolFailed, TimedOut) as error:
            sandbox.cluster.kubectl("get", "--raw", "/readyz")  # else the cluster failed, not the backup
            self._steps.fail(str(error), error)
        self._journal.append("restore", engine=engine.name, **asdict(report))
        self._journal.mark("T5")
        if report.phase != DONE:  # it failed already: read what does come up, without a long wait
            self._answer_within_s = min(self._answer_within_s, timeouts.HEALTHY_S)

    def _read_back(self) -> None:
        parts, reader = self._parts, self._reader
        parallel.for_each(reader.wait_for_all(parts.backup.databases, self._answer_within_s), self._read)
        self._journal.mark("T9")
        cluster = parts.sandbox.cluster
        record_state(self._journal, cluster.kubectl, cluster.volumes, parts.backup.recorded.namespaces)

    def _read(self, database: Database) -> None:
        if database.fingerprint:
            self._reader.fingerprint(database)
        self._reader.digest(database, "after")
        self._reader.newest(database)
        self._reader.check(database)

    def _note_source(self, when: str, listing: Listing) -> None:
        differ = differences(self._parts.backup.listing, listing)
        self._journal.append(
            "listing",
            when=when,
            objects=len(listing),
            bytes=sum(thing.size for thing in listing.values()),
            sha256=fingerprint(listing),
            differences=[*differ[:MOST], *([f"and {len(differ) - MOST} more"] if len(differ) > MOST else [])],
            changed=[*changed_keys(self._parts.backup.listing, listing)[:MOST]],
        )
