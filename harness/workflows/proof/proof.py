"""One proof, from a bucket to a journal that can be judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from harness.backups.bucket_reader import Listing, Source, changed, differences, fingerprint
from harness.backups.velero_backup import Recorded
from harness.core import parallel, timeouts
from harness.core.errors import HarnessError, TimedOut, ToolFailed
from harness.core.model import DONE, PROOF_STEPS, Digest, Json, ToolReport, Volume
from harness.core.ports import Bucket, Cluster
from harness.core.wait import NotYet, until
from harness.evidence.journal import Journal
from harness.workflows import hooks
from harness.workflows.steps import Steps
from harness.workloads.database_probe import Examiner, NoPlace, unready
from harness.workloads.detection import Database

MOST = 100
"""No more differences of the bucket are told one by one."""


class Restorer(Protocol):
    """What a proof asks of a backup engine: see `harness.backups.velero.VeleroEngine`."""

    @property
    def name(self) -> str: ...

    def install(self) -> None:
        """Make the engine ready on the cluster."""

    def look_again(self, backup: str) -> None:
        """Have it see what has come into its bucket; returns when it knows of the backup. TimedOut."""

    def restore(self, name: str, backup: str, namespaces: tuple[str, ...], *, within_s: float) -> ToolReport:
        """Restore a backup that it knows of, every volume named with its namespace. TimedOut."""


@dataclass(frozen=True)
class Parts:
    """What a proof is made of. `listing` is the bucket as it was before anything else was done."""

    cluster: Cluster
    engine: Restorer
    bucket: Callable[[], Bucket]  # ours, beside the cluster; there only once that is up
    source: Source
    listing: Listing
    recorded: Recorded
    databases: tuple[Database, ...]
    examiner: Examiner
    prepare: Callable[[], None]  # what the restored pods need of the cluster: images, storage classes
    hooks: tuple[hooks.Hook, ...]
    env: dict[str, str]
    afterwards: Callable[[], str] = lambda: ""  # what else is asked when all was read, in words; HarnessError
    rto_s: float | None = None  # past it nothing more is waited for: it is missed


class Prove:
    """Restores one backup and reads it. It decides nothing: it appends to the journal, which `checks.judge` reads."""

    def __init__(self, parts: Parts, run: Path, journal: Journal) -> None:
        """`run` is the run directory."""
        self._parts = parts
        self._run = run
        self._journal = journal
        self._steps = Steps(journal, parts.hooks, parts.env)
        self._answer_within_s = parts.rto_s or timeouts.RECOVER_S

    def run(self) -> None:
        """Take all steps, in order. Whatever breaks is in the journal before this returns.

        1. `up`: a fenced cluster with an object store of its own, and the backup engine.
        2. `fetch`: all that belongs to the backup is copied from the source into that store. So what the engine writes
           (logs, locks) never goes to the source, whose credentials never come into the cluster.
        3. `restore`: the engine sees what has come; T4 asked for, T5 the engine's word.
        4. `readback`: every database answers (T7), tells its data, to be held against its fingerprint, and checks
           itself (T9). The source is listed once more at the very end, whatever broke before.
        """
        actions = {"up": self._up, "fetch": self._fetch, "restore": self._restore, "readback": self._read_back}
        self._note_source("before", self._parts.listing)
        self._steps.take({step: actions[step] for step in PROOF_STEPS})
        try:
            if told := self._parts.afterwards():
                self._journal.append("note", text=told)
            self._note_source("after", self._parts.source.listing())
        except HarnessError as error:
            self._steps.broke(error)

    def _up(self) -> None:
        self._parts.cluster.up()
        self._parts.engine.install()
        self._parts.prepare()

    def _fetch(self) -> None:
        parts = self._parts
        keys = parts.recorded.keys(parts.listing)
        copied = parts.source.copy(keys, parts.bucket())
        self._journal.append("fetched", objects=len(keys), bytes=copied)
        if copied != sum(parts.listing[key].size for key in keys):
            raise HarnessError(f"{copied} bytes were copied, and not as many as the source had listed; prove again")

    def _restore(self) -> None:
        parts, engine = self._parts, self._parts.engine
        # The engine that took it is not known, only how its copies were made.
        self._journal.append("backup", engine=engine.name, **asdict(parts.recorded.report))
        name = f"proof-{self._run.name.lower()}"
        backup = parts.recorded.report
        # With no objective, as long as the slowest restore that anybody would wait for: 1 MB a second.
        within_s = parts.rto_s or timeouts.RESTORE_S + sum(copy.bytes_total for copy in backup.volumes) / 1e6
        try:
            engine.look_again(backup.name)
            self._journal.mark("T4")
            report = engine.restore(name, backup.name, parts.recorded.namespaces, within_s=within_s)
        except (ToolFailed, TimedOut) as error:
            parts.cluster.kubectl("get", "--raw", "/readyz")  # else it is the cluster that failed, and not the backup
            self._steps.fail(str(error), error)
        self._journal.append("restore", engine=engine.name, **asdict(report))
        self._journal.mark("T5")
        if report.phase != DONE:  # it is bad already; what does come up is read, and nobody waits for an hour
            self._answer_within_s = min(self._answer_within_s, timeouts.HEALTHY_S)

    def _read_back(self) -> None:
        parts = self._parts
        answered = [
            database
            for database, answers in zip(parts.databases, parallel.each(parts.databases, self._answers), strict=True)
            if answers
        ]
        if len(answered) == len(parts.databases):
            self._journal.mark("T7")
        parallel.each(answered, self._read)
        self._journal.mark("T9")
        volumes = [asdict(volume) for namespace in parts.recorded.namespaces for volume in self._volumes(namespace)]
        self._journal.append("volumes", when="after", volumes=volumes)
        self._journal.append("unready", pods=list(unready(parts.cluster.kubectl, parts.recorded.namespaces)))

    def _answers(self, database: Database) -> bool:
        """Wait until it answers; note how it is."""
        clock, began_s = self._journal.clock, self._journal.clock.now_s()

        def ready() -> None:
            try:
                self._parts.examiner.ready(database)
            except NoPlace as error:
                if clock.now_s() - began_s > timeouts.PLACE_S:
                    raise
                raise NotYet(str(error)) from error

        what = f"{database.key} to answer"
        try:
            until(ready, waited_for=what, within_s=self._answer_within_s, every_s=2)
        except NoPlace as error:
            self._unread(database, "health", error)
            return False
        except TimedOut as error:
            self._parts.cluster.kubectl("get", "--raw", "/readyz")  # else it is the cluster that does not answer
            self._health(database, ok=False, detail=str(error))
            return False
        self._health(database, ok=True, detail=f"answers; {database.why}")
        return True

    def _read(self, database: Database) -> None:
        """All that it tells of itself; its own check comes last, since it may end itself over a damaged page."""
        examiner = self._parts.examiner

        def fingerprint() -> None:
            taken = examiner.fingerprint(database)
            self._note("fingerprint", database, taken=taken.taken)
            self._digest(database, "before", taken.parts)

        def newest() -> None:
            if found := examiner.newest(database):
                self._note("newest", database, newest=found[0], column=found[1])

        if database.fingerprint:
            self._attempt(database, "fingerprint", fingerprint)
        self._attempt(database, "digest", lambda: self._digest(database, "after", examiner.digest(database)))
        self._attempt(database, "newest", newest)
        self._attempt(database, "sound", lambda: self._note("sound", database, **asdict(examiner.check(database))))

    def _attempt(self, database: Database, what: str, read: Callable[[], None]) -> None:
        try:
            read()
        except HarnessError as error:
            self._unread(database, what, error)

    def _unread(self, database: Database, what: str, error: HarnessError) -> None:
        said = error.tail if isinstance(error, ToolFailed) else str(error)
        self._note("unread", database, what=what, message=said)

    def _digest(self, database: Database, when: str, parts: Digest) -> None:
        told: dict[str, Json] = {name: asdict(part) for name, part in parts.items()}
        self._note("digest", database, when=when, answered_by=database.pod, parts=told)

    def _health(self, database: Database, *, ok: bool, detail: str) -> None:
        self._note("health", database, when="after", ok=ok, detail=detail, role="", identity="")

    def _note(self, kind: str, database: Database, **data: Json) -> None:
        self._journal.append(kind, store=database.key, member=database.pod, **data)

    def _volumes(self, namespace: str) -> tuple[Volume, ...]:
        found = self._parts.cluster.volumes(namespace)
        return tuple(replace(volume, claim=f"{namespace}/{volume.claim}") for volume in found)

    def _note_source(self, when: str, listing: Listing) -> None:
        differ = differences(self._parts.listing, listing)
        self._journal.append(
            "listing",
            when=when,
            objects=len(listing),
            bytes=sum(thing.size for thing in listing.values()),
            sha256=fingerprint(listing),
            differences=[*differ[:MOST], *([f"and {len(differ) - MOST} more"] if len(differ) > MOST else [])],
            changed=[*changed(self._parts.listing, listing)[:MOST]],
        )
