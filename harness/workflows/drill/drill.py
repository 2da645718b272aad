"""Runs one drill, and records it for the checks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path

from harness.backups.object_store import latest_versions, rewind
from harness.clusters.environment import EnvironmentCluster
from harness.clusters.platform_health import PlatformHealth
from harness.core import parallel, timeouts, wait
from harness.core.errors import HarnessError, TimedOut, ToolFailed
from harness.core.kubernetes import Object, changes
from harness.core.model import DONE, Json, ReusableState, Row, Stored, ToolReport, of_phase
from harness.core.ports import (
    BackupEngine,
    Dataset,
    Datastore,
    Repairable,
    Reusable,
    Service,
    Target,
    Unanswered,
)
from harness.evidence.journal import Journal
from harness.evidence.ledger import LedgerWriter, Ticker
from harness.workflows.drill.definition import LeftOut
from harness.workflows.drill.fault_injection import FaultInjector
from harness.workflows.drill.readback import Logins, Observer
from harness.workflows.drill.scenario import Scenario
from harness.workflows.run_options import Hook
from harness.workflows.steps import BrokeOff, Steps
from harness.workloads import object_digest
from harness.workloads.crash_loops import CrashWatch
from harness.workloads.deployment import Deployment

WRITES_EACH_SIDE = 20
"""Acknowledged writes of every store that must stand before the backup, and again between backup and fault."""

AGAIN_S = 10.0
"""Between two restores where one is asked for again: Velero looks only once a minute whether its bucket is back."""


_PODS_START = {"deploy", "restore", "readback"}
"""The steps in which pods start, and a container that crashes again and again is not a fault's doing."""


@dataclass(frozen=True)
class Parts:
    """What a drill is made of. `env` is what users' hooks find in their environment."""

    cluster: EnvironmentCluster
    engine: BackupEngine
    deployment: Deployment
    stores: tuple[Datastore, ...]
    dataset: Dataset
    scenario: Scenario
    second: Callable[[], Parts]  # the same on a second cluster with the same bucket, which is not up yet
    hooks: tuple[Hook, ...]
    env: dict[str, str]
    writes_per_s: float = 20.0
    left: ReusableState | None = None  # stores of an earlier drill that are reused
    services: tuple[Service, ...] = ()  # what people log in to
    left_out: tuple[LeftOut, ...] | None = None  # by the user's definition of the backup, if there is one
    modified: Callable[[Object], Object] | None = None  # how the user's definition of the restore changes an object


class Drill:
    """Runs one drill and decides nothing: it appends to the journal, and `harness.checks.judge` reads that."""

    def __init__(self, parts: Parts, run: Path, journal: Journal) -> None:
        self._parts = parts
        self._run = run
        self._journal = journal
        self._scenario = parts.scenario
        self._observer = Observer(journal, run, parts.stores)
        self._logins = Logins(journal)
        self._platform = PlatformHealth()
        self._crashes = CrashWatch(self._note)
        self._steps = Steps(journal, parts.hooks, parts.env, platform=self._platform, look=self._look)
        faults = parts.scenario.secondary_faults
        self._injector = FaultInjector(journal, self._steps, faults, self._target, self._platform.excuse)
        self._backup = f"drill-{run.name.lower().replace('_', '-')}"
        self._stored_at = ""
        self._stored: dict[str, str] = {}  # the versions of the bucket's objects then
        self._writers: dict[str, LedgerWriter] = {}
        self._source: tuple[Datastore, ...] = ()  # the stores that were moved away from, and run on

    def run(self) -> None:
        """Run the scenario's steps in order. Every error is in the journal before this returns.

        1. `up`: a cluster with an object store, network isolation and the backup engine, without backups.
        2. `deploy`: every store with all members, healthy and replicating; or the stores of an earlier drill.
        3. `seed`: generated data on every member. From now on the ledger, outside the cluster, writes to every store.
        4. `backup`: the digest of every member and of the namespace's objects, which defines "equal". T0: requested.
           T1: seen in the bucket. The journal has both what should be in the backup and what is.
        5. `write`: writes that the backup cannot have; the RPO is about them.
        6. `break`: all healthy; the fault is injected, and its damage *seen* (T2, T3).
        7. `restore`, by the scenario's plan. T4: requested. T5: the tool reports the end. T6: all pods are Ready. Then
           the stores' own steps.
        8. `readback`: every member answers correctly (T7), takes and shows a new write (T8), and is read in full (T9).
           Then all are restarted at once and read again, with their ledgers and indexes: so nothing comes from a
           cache, and what would not survive a power cut shows.

        Secondary faults are injected at `seed`, `backup`, `write`, `restore` or `readback`; their damage is seen, too.

        What fails below the drill, and was not broken by its own faults, ends it at once: no check may take that for a
        bad recovery. An interruption (KeyboardInterrupt) is recorded, and raised again after the cleanup.
        """
        actions = {
            "up": self._up,
            "deploy": self._deploy,
            "seed": self._seed,
            "backup": self._take_backup,
            "write": self._write,
            "break": self._break,
            "restore": self._restore,
            "readback": self._read_back,
        }
        try:
            self._steps.take({step: actions[step] for step in self._scenario.steps})
        finally:
            self._close_ledgers()
            self._injector.undo_at("write")
            self._injector.undo_at("seed")

    def _up(self) -> None:
        self._cluster_up()
        self._parts.engine.install()
        self._parts.engine.forget()

    def _cluster_up(self) -> None:
        self._platform.watch(None)  # nodes that start are not Ready
        self._parts.cluster.up()
        self._platform.watch(self._parts.cluster, self._parts.deployment.namespace)

    def _note(self, line: str) -> None:
        self._journal.append("note", text=line)

    def _look(self) -> None:
        if self._steps.now in _PODS_START:
            self._crashes.look(self._parts.cluster.kubectl, self._parts.deployment.namespace)

    def _deploy(self) -> None:
        left = self._parts.left
        if left:
            self._journal.append("taken-over", run=left.run, digests=dict(left.digests))
        else:
            self._parts.deployment.apply(self._run.name)
        self._observer.until_healthy("all members to be healthy", timeouts.HEALTHY_S)
        # Other pods, too: a fault of the last drill may have removed one, or one loads data.
        if left or self._parts.services or self._parts.deployment.objects:
            self._until_ready("all pods", timeouts.SERVICE_S)
        if not left:
            self._parts.deployment.forbid_first_start()
        self._platform.namespaces_exist = True

    def _seed(self) -> None:
        parts = self._parts
        parallel.for_each(parts.stores, _forget_writes if parts.left else lambda store: store.seed(parts.dataset))
        self._observer.until_healthy("all members to hold the known data", timeouts.HEALTHY_S)
        clock, seed = self._journal.clock, parts.dataset.seed
        ticker = Ticker(clock, parts.writes_per_s)
        for store in parts.stores:
            path = self._run / "ledger" / f"{store.name}.jsonl"
            self._writers[store.name] = LedgerWriter(store.name, path, seed, clock, store.writer, ticker=ticker)
            self._writers[store.name].start()
        self._more_writes()
        self._injector.inject_at("seed")

    def _take_backup(self) -> None:
        engine, namespace = self._parts.engine, self._parts.deployment.namespace
        self._logins.note("before", self._parts.services, within_s=timeouts.SERVICE_S)
        unread = self._observer.digests("before")
        for store in self._parts.stores:
            if all(member in unread for member in store.members):
                said = unread[store.members[0]]
                raise HarnessError(f"no member of {store.name} could be read before the backup: {said}")
        self._note_objects("before", storage_class=self._scenario.plan.storage_class, modified=self._parts.modified)
        self._note_volumes("backup")
        whose = {member.name: member.store.name for member in self._observer.members}  # whatever their labels say
        volumes = (replace(v, store=whose.get(v.pod, v.store)) for v in engine.protected(namespace))
        protected = [asdict(volume) for volume in volumes]
        left_out = self._parts.left_out
        by_definition = {} if left_out is None else {"left_out": [each.recorded for each in left_out]}
        self._journal.append("protected", volumes=protected, hooks=dict(engine.hooks(namespace)), **by_definition)
        report = self._injector.during("backup", "T0", lambda: engine.backup(self._backup, namespace))
        self._believe(report)
        self._journal.append("backup", engine=engine.name, **asdict(report))
        stored = engine.stored(self._backup)
        if stored.objects:
            self._stored_at = self._journal.mark("T1").at
            if self._scenario.plan.rewind:
                self._stored = latest_versions(self._parts.cluster.store)
        self._check_backup(stored)

    def _believe(self, report: ToolReport) -> None:
        """PlatformFailed where the tool did not complete, and something below it does not work: it is not to blame."""
        if report.phase != DONE:
            self._platform.require()

    def _check_backup(self, stored: Stored) -> None:
        self._journal.append("stored", **asdict(self._parts.engine.check(self._backup, stored)))

    def _write(self) -> None:
        self._more_writes()
        if self._injector.inject_at("write"):
            self._check_backup(self._parts.engine.stored(self._backup))

    def _more_writes(self) -> None:
        goals = {name: writer.acknowledged + WRITES_EACH_SIDE for name, writer in self._writers.items()}

        def enough() -> None:
            behind = [name for name, goal in goals.items() if self._writers[name].acknowledged < goal]
            if behind:
                raise wait.NotYet(f"too few from {', '.join(behind)}")

        wait.until(enough, waited_for="acknowledged writes", within_s=timeouts.WRITES_S, every_s=0.05)

    def _break(self) -> None:
        self._observer.healths("before", within_s=timeouts.READ_S)
        self._note_volumes("before")
        fault = self._scenario.fault
        assert fault is not None  # without one this is no step of the drill
        try:
            self._injector.inject(fault)
            if self._scenario.plan.restore_earlier_backup:
                self._take_later_backup()
            self._journal.mark("T3")
        finally:
            self._injector.undo(fault)
        parallel.for_each(self._writers.values(), LedgerWriter.stop)
        last = [w.last_acknowledged_s for w in self._writers.values() if w.last_acknowledged_s is not None]
        self._journal.append("mark", mark="T2", at_s=max(last))

    def _take_later_backup(self) -> None:
        """Continue as long as nobody detects the fault: take the next backup."""
        self._more_writes()
        engine, name = self._parts.engine, f"{self._backup}-later"
        self._journal.append("later-backup", **asdict(engine.backup(name, self._parts.deployment.namespace)))

    def _target(self) -> Target:
        parts = self._parts
        namespace = parts.deployment.namespace
        layout = parts.engine.layout(namespace)
        return Target(parts.cluster, namespace, parts.stores, parts.cluster.store, parts.cluster.machines, layout)

    def _restore(self) -> None:
        plan = self._scenario.plan
        with self._recovery():
            if plan.new_cluster:
                self._platform.watch(None)
                self._parts.cluster.down(keep_store=True)
                self._cluster_up()
            if plan.move:
                self._move()
            if plan.new_cluster or plan.move:
                self._parts.engine.install()
                self._parts.deployment.install_first()
            if plan.delete_namespace_first:
                self._parts.deployment.remove()
            if plan.recreate_lost_pvcs:
                self._parts.deployment.discard(self._injector.lost)
        if plan.restore:
            self._restore_backup()
        else:
            self._journal.mark("T4")  # from here on the stores recover by themselves
        try:
            self._recover()
        except BrokeOff:
            self._read_all(well_within_s=0)  # what the members show explains the failure
            raise

    def _recover(self) -> None:
        plan, within_s = self._scenario.plan, self._recover_within_s()
        stores = self._parts.stores
        repair = {store.name: store.mend for store in stores if plan.repair_stores and isinstance(store, Repairable)}
        recover = {store.name: store.recover for store in stores} if plan.restore else repair
        with self._recovery():
            # In parallel with the stores' own steps: the moment at which Kubernetes reports success.
            parallel.all_or_none({"all pods": self._watch_pods, **recover}, within_s=within_s)

    def _move(self) -> None:
        """From here on the drill is about the second cluster. The first one keeps running."""
        self._source, self._parts = self._parts.stores, self._parts.second()
        self._steps.env = self._parts.env
        self._cluster_up()
        self._observer = Observer(self._journal, self._run, self._parts.stores)
        for store in self._parts.stores:
            self._writers[store.name].follow(store.writer)

    def _restore_backup(self) -> None:
        plan = self._scenario.plan
        with self._recovery():
            report = self._injector.during("restore", "T4", lambda: self._ask_for_restore(self._backup))
            if plan.retry_restore and report.phase != DONE:
                report = self._restore_again()
        self._journal.mark("T5")
        if self._scenario.expected_findings and report.phase != DONE:
            said = f"the tool reports the restore phase {report.phase}"
            self._steps.fail(said, reasons=(of_phase("restore", report.phase),))

    def _restore_again(self) -> ToolReport:
        attempts = count(2)

        def attempt() -> ToolReport:
            self._parts.deployment.remove()
            report = self._ask_for_restore(f"{self._backup}-{next(attempts)}")
            if report.phase != DONE:
                said = f"{report.phase}: {'; '.join(report.messages)}"
                raise wait.NotYet(said, (of_phase("restore", report.phase),))
            return report

        what = "a restore that the tool reports as completed"
        return wait.until(attempt, waited_for=what, within_s=self._recover_within_s(), every_s=AGAIN_S)

    def _ask_for_restore(self, name: str) -> ToolReport:
        if self._scenario.plan.rewind and self._stored_at:
            back = rewind(self._parts.cluster.store, self._stored)
            self._note(f"{back} objects were brought back to {self._stored_at}")
        report = self._parts.engine.restore(name, self._backup, within_s=self._recover_within_s())
        self._believe(report)
        self._journal.append("restore", engine=self._parts.engine.name, **asdict(report))
        return report

    def _watch_pods(self) -> None:
        self._until_ready("all pods to be Ready after the restore", max(timeouts.RECOVER_S, self._recover_within_s()))
        self._journal.mark("T6")

    def _until_ready(self, what: str, within_s: float) -> None:
        deployment = self._parts.deployment
        with changes(self._parts.cluster.kubectl, "pods", deployment.namespace) as alarm:
            wait.until(deployment.ready, waited_for=what, within_s=within_s, alarm=alarm)

    def _recover_within_s(self) -> float:
        # Past the objective there is nothing more to wait for: it is missed.
        return self._scenario.objectives.rto_s or timeouts.RECOVER_S

    def _read_back(self) -> None:
        try:
            self._injector.inject_at("readback")
            self._read_twice()
        finally:
            self._injector.undo_at("readback")
        self._observer.source(self._source)

    def _read_twice(self) -> None:
        try:
            with self._recovery():
                self._observer.until_healthy("all members to be healthy again", timeouts.READ_S)
                self._observer.first_reads(lambda store: self._writers[store].attempted)
            self._journal.mark("T7")
            self._new_writes()
            self._note_objects("after")
            self._observer.digests("after")
            self._journal.mark("T9")
            members = [member.name for member in self._observer.members]
            members += [pod for service in self._parts.services for pod in service.pods]
            for member, uids in self._parts.deployment.restart(members).items():
                self._journal.append("restart", member=member, **uids)
            with self._recovery():
                self._observer.until_healthy("all members to be healthy once they were restarted", timeouts.HEALTHY_S)
        except BrokeOff:
            self._read_all(well_within_s=0)  # what unhealthy members show explains the failure
            raise
        self._read_all(well_within_s=timeouts.READ_S)

    def _note_volumes(self, when: str) -> None:
        volumes = self._parts.cluster.volumes(self._parts.deployment.namespace)
        self._journal.append("volumes", when=when, volumes=[asdict(volume) for volume in volumes])

    def _note_objects(
        self,
        when: str,
        within_s: float = timeouts.READ_S,
        storage_class: str = "",
        modified: Callable[[Object], Object] | None = None,
    ) -> None:
        kubectl, namespace = self._parts.cluster.kubectl, self._parts.deployment.namespace
        read = object_digest.recorded(
            kubectl, namespace, within_s=within_s, storage_class=storage_class, modified=modified
        )
        self._journal.append("objects", when=when, **read)

    def _read_all(self, *, well_within_s: float) -> None:
        self._note_volumes("after")
        self._observer.healths("after", within_s=well_within_s)
        self._note_objects("after", well_within_s)
        self._observer.digests("after")
        self._logins.note("after", self._parts.services, within_s=timeouts.SERVICE_S if well_within_s else 0)
        self._observer.survivors()
        self._observer.indexes()  # last: a server may end itself over a damaged page

    def _new_writes(self) -> None:
        stores = self._parts.stores
        written = parallel.for_each(stores, self._new_write)
        if None not in written:
            self._journal.mark("T8")
        for store, row in zip(stores, written, strict=True):
            if row is not None:
                seen: list[Json] = [*self._observer.shown_on(store, row, within_s=timeouts.READ_S)]
                self._journal.append("write", store=store.name, n=row.n, committed=True, seen_on=seen)

    def _new_write(self, store: Datastore) -> Row | None:
        writer = self._writers[store.name]

        def commit() -> Row:
            try:
                operation = writer.write_one()
            except Unanswered as error:
                raise wait.NotYet(str(error)) from error
            return Row(operation.n, operation.key, operation.value)

        try:
            return wait.until(commit, waited_for=f"a new write to {store.name}", within_s=timeouts.READ_S)
        except TimedOut as error:
            self._journal.append("write", store=store.name, n=writer.attempted, committed=False, detail=str(error))
            return None

    @contextlib.contextmanager
    def _recovery(self) -> Iterator[None]:
        """An error here is a failure of the recovery, unless something below it failed: PlatformFailed, ToolFailed."""
        try:
            yield
        except (ToolFailed, TimedOut) as error:
            self._platform.require()
            self._parts.cluster.kubectl("get", "--raw", "/readyz")
            self._steps.fail("; ".join((str(error), *self._parts.deployment.not_ready())), error)

    def _close_ledgers(self) -> None:
        for writer in self._writers.values():
            try:
                writer.stop()
            except HarnessError as error:
                self._steps.broke(error)
            writer.close()
            self._observer.file(writer.path, writer.fingerprint)


def _forget_writes(store: Datastore) -> None:
    if not isinstance(store, Reusable):
        raise HarnessError(f"{store.name} cannot be reused from another drill: it cannot forget its writes")
    store.forget_writes()
