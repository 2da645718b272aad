"""Runs one migration, and records it for the checks."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, replace

from harness.backups.velero import VeleroEngine
from harness.backups.velero_install import NAMESPACE, map_storage_classes
from harness.clusters import rbac
from harness.clusters.platform_health import PlatformHealth
from harness.clusters.shared_cluster import NoMachines
from harness.core import parallel, timeouts
from harness.core.errors import HarnessError, TimedOut, ToolFailed
from harness.core.json import at, mapping, text
from harness.core.kubernetes import LABEL, Kubectl, Object, find, name_of, objects
from harness.core.model import MOVE_STEPS, Digest, Json
from harness.core.wait import NotYet, until
from harness.evidence.journal import Journal
from harness.workflows.database_reader import DatabaseReader, examiner, record_state
from harness.workflows.migration.quiesce import Quiescer
from harness.workflows.migration.request import MigrationOptions, Place
from harness.workflows.steps import Steps
from harness.workloads.database_probe import DatabaseProbe
from harness.workloads.detection import Database

ENGINE = "velero"
"""Both ends' own Velero; the record of each volume says which program copied it."""

_KEPT = ", so nothing is restored; find out who did that; `velero backup get` shows what can bring it back"

SETTLE_S = 120.0
"""Replicas of a primary without writes catch up within this; otherwise something still writes."""


@dataclass(frozen=True)
class End:
    place: Place
    kubectl: Kubectl
    engine: VeleroEngine  # restores under the names of the target
    quiescer: Quiescer
    machines = NoMachines()
    store = None  # each end's Velero has one of its own, which a migration does not use

    @property
    def probe(self) -> DatabaseProbe:
        return examiner(self.kubectl)


@dataclass
class Migration:
    """Moves one application. Decides nothing: it appends to the journal, and `harness.checks.judge` reads that."""

    options: MigrationOptions
    source: End
    target: End
    databases: Sequence[Database]  # the source's
    _: KW_ONLY
    journal: Journal
    env: Mapping[str, str]  # of hooks
    user: str = ""  # to be bound to our role in the target's namespace; "" if no role must be bound
    sign: Callable[[], None] = lambda: None  # the journal so far, so that a killed migration can be taken back

    def __post_init__(self) -> None:
        self._run = self.journal.path.parent.name
        self._name = f"migrate-{self._run.lower()}"
        self._platform = PlatformHealth()
        self._steps = Steps(self.journal, self.options.hooks, self.env, self.sign, self._platform)
        self._source_reader = DatabaseReader(self.journal, self.source.probe)
        self._target_reader = DatabaseReader(self.journal, self.target.probe, self.target.place.namespace)
        self._source_uid = ""
        self._asked = False  # whether anything was created at the target

    def run(self) -> None:
        """Run all steps in order. Every error is in the journal before this returns.

        1. `freeze`: stop the source's writers, and take its fingerprints as soon as nothing changes.
        2. `backup`: by the source's own Velero. T0: requested.
        3. `restore`: at the target, under the new names. T4: requested. T5: the tool reports the end.
        4. `readback`: every database of the target answers (T7), is read, and checks itself (T9). Then the source is
           read again, its writers are seen to be stopped, and both ends show their replication peers.

        An error before anything was created at the target resumes the source's writers. A later one does not: the
        target may be what remains in use.
        """
        actions = {
            "freeze": self._freeze,
            "backup": self._backup,
            "restore": self._restore,
            "readback": self._read_back,
        }
        self.sign()
        try:
            self._steps.take({step: actions[step] for step in MOVE_STEPS})
        finally:
            if not self._asked:
                self._thaw()

    def _freeze(self) -> None:
        self._platform.watch(self.source, self.source.place.namespace)
        options, databases = self.options, self.databases
        self._source_uid = text(self._source_namespace(), "metadata", "uid")
        was = self.source.quiescer.quiesce(options.writers, options.quiesce, self._run)
        self.journal.append("frozen", writers=dict(was), command=options.quiesce)
        seen: list[Digest] = []

        def settled() -> None:
            now = parallel.for_each(databases, self.source.probe.digest)
            before, seen[:] = list(seen), now
            if not before:
                raise NotYet("read once")
            if moved := [each.key for each, old, new in zip(databases, before, now, strict=True) if old != new]:
                raise NotYet(f"still written to: {', '.join(moved)}")

        until(settled, waited_for="the source to change no more", within_s=SETTLE_S, every_s=3)
        for database, parts in zip(databases, seen, strict=True):
            self._source_reader.record_digest(database, "before", parts)
            self._source_reader.peers(database, "before")

    def _thaw(self) -> None:
        try:
            resumed = self.source.quiescer.resume(self._run, self.options.resume)
        except HarnessError as error:
            back = f"the source may still be quiesced: `drillproof migrate back {self._run}` resumes it"
            self._steps.broke(HarnessError(f"{error}; {back}"))
        else:
            self.journal.append("thawed", writers=list(resumed))

    def _backup(self) -> None:
        engine, namespace = self.source.engine, self.source.place.namespace
        asked = [asdict(replace(volume, store="")) for volume in engine.protected(namespace)]
        self.journal.append("protected", volumes=asked, hooks=dict(engine.hooks(namespace)))
        self.journal.mark("T0")
        self.journal.append("backup", engine=ENGINE, **asdict(engine.backup(self._name, namespace)))

    def _restore(self) -> None:
        target, classes = self.target, self.options.storage_classes
        kubectl, namespace = target.kubectl, target.place.namespace
        found = self._source_namespace()
        if text(found, "metadata", "uid") != self._source_uid:
            raise HarnessError(f"{self.source.place.name} was deleted and created again during the migration{_KEPT}")
        self._asked = True
        self._platform.watch(target, namespace)
        self._make_namespace(found)
        rbac.migration_inside(namespace, self.options.writers).bind(kubectl, self._run, self.user)
        if classes:
            map_storage_classes(kubectl, classes)
        try:
            self.journal.mark("T4")
            report = target.engine.restore(self._name, self._name, (self.source.place.namespace,))
        except (ToolFailed, TimedOut) as error:
            self._platform.require()
            self._steps.fail(str(error), error)
        finally:
            if classes:
                kubectl("delete", "configmap", "storage-classes", f"--namespace={NAMESPACE}", "--ignore-not-found")
        self.journal.append("restore", engine=ENGINE, **asdict(report))
        self.journal.mark("T5")

    def _source_namespace(self) -> Object:
        found = find(self.source.kubectl, "namespaces", self.source.place.namespace)
        if not found or at(found, "metadata", "deletionTimestamp"):
            how = "is being deleted" if found else "does not exist any more"
            raise HarnessError(f"{self.source.place.name} {how}{_KEPT}")
        return found

    def _make_namespace(self, found: Object) -> None:
        """The namespace as the source has it, and with our label, by which alone it may be removed again."""
        labels = {**mapping(found, "metadata", "labels"), LABEL: self._run}
        labels.pop("kubernetes.io/metadata.name", None)
        notes = dict(mapping(found, "metadata", "annotations"))
        notes.pop("kubectl.kubernetes.io/last-applied-configuration", None)
        metadata: Json = {"name": self.target.place.namespace, "labels": labels, "annotations": notes}
        wanted = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self.target.kubectl("create", "-f", "-", stdin=wanted)

    def _read_back(self) -> None:
        target, databases = self.target, self.databases
        within_s = self.options.objectives.rto_s or timeouts.RECOVER_S
        answered = self._target_reader.wait_for_all(databases, within_s, self._platform.require)
        parallel.for_each(answered, self._read)
        self.journal.mark("T9")
        record_state(self.journal, target.kubectl, target.kubectl.volumes, (target.place.namespace,))
        parallel.for_each(databases, self._read_source)
        self.journal.append("still-frozen", loose=dict(self.source.quiescer.running_writers(self.options.writers)))
        self._note_pods(self.source, "source")
        self._note_pods(target, "target")

    def _read(self, database: Database) -> None:
        self._target_reader.digest(database, "after")
        self._target_reader.peers(database, "target")
        self._target_reader.check(database)

    def _read_source(self, database: Database) -> None:
        self._source_reader.digest(database, "end", "source")
        self._source_reader.peers(database, "source")

    def _note_pods(self, end: End, where: str) -> None:
        pods = objects(end.kubectl, "pods", f"--namespace={end.place.namespace}")
        addresses: dict[str, Json] = {name_of(pod): text(pod, "status", "podIP") for pod in pods}
        self.journal.append("pods", where=where, namespace=end.place.namespace, addresses=addresses)
