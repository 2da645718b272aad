"""Runs one migration, and records it for the checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from harness.backups.velero import hook_count
from harness.core import parallel, timeouts
from harness.core.errors import HarnessError, TimedOut, ToolFailed
from harness.core.json import at, text
from harness.core.kubernetes import LABEL, Object, RunsKubectl, name_of, objects
from harness.core.model import MOVE_STEPS, Digest, Json, ToolReport, Volume
from harness.core.wait import NotYet, until
from harness.evidence.journal import Journal
from harness.workflows.database_reader import DatabaseReader, examiner, record_state
from harness.workflows.migration.plan import volumes_asked
from harness.workflows.migration.quiesce import Quiescer
from harness.workflows.migration.request import MigrationOptions, Place
from harness.workflows.steps import Steps
from harness.workloads.detection import Database

SETTLE_S = 120.0
"""Replicas of a primary without writes catch up within this; otherwise something still writes."""


class Tool(Protocol):
    """What a migration needs of a backup engine: see `harness.backups.velero.VeleroEngine`."""

    @property
    def name(self) -> str: ...

    def backup(self, name: str, namespace: str) -> ToolReport:
        """Take a backup of the namespace."""

    def restore(self, name: str, backup: str) -> ToolReport:
        """Restore it under the names of the target."""


@dataclass(frozen=True)
class End:
    """One end of a migration."""

    place: Place
    kubectl: RunsKubectl
    tool: Tool
    volumes: Callable[[str], tuple[Volume, ...]]


@dataclass(frozen=True)
class Parts:
    """What a migration is made of. `databases` are the source's."""

    options: MigrationOptions
    source: End
    target: End
    databases: tuple[Database, ...]
    quiescer: Quiescer
    enter: Callable[[], None]  # binds our role in the target's new namespace
    classes: Callable[[], None]  # maps the storage classes for the target's Velero
    forget_classes: Callable[[], None]
    env: dict[str, str]


class Migration:
    """Moves one application. Decides nothing: it appends to the journal, and `harness.checks.judge` reads that."""

    def __init__(self, parts: Parts, run: Path, journal: Journal) -> None:
        """`run` is the run directory."""
        self._parts = parts
        self._run = run
        self._journal = journal
        self._steps = Steps(journal, parts.options.hooks, parts.env)
        self._source = DatabaseReader(journal, examiner(parts.source.kubectl))
        self._target = DatabaseReader(journal, examiner(parts.target.kubectl), parts.target.place.namespace)
        self._name = f"migrate-{run.name.lower()}"
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
        try:
            self._steps.take({step: actions[step] for step in MOVE_STEPS})
        finally:
            if not self._asked:
                self._thaw()

    def _freeze(self) -> None:
        options = self._parts.options
        was = self._parts.quiescer.quiesce(options.writers, options.quiesce, self._run.name)
        self._journal.append("frozen", writers=dict(was), command=options.quiesce)
        databases = self._parts.databases
        seen: list[Digest] = []

        def settled() -> None:
            now = parallel.for_each(databases, self._source.examiner.digest)
            before, seen[:] = list(seen), now
            if not before:
                raise NotYet("read once")
            moved = [f"{each.key}" for each, old, new in zip(databases, before, now, strict=True) if old != new]
            if moved:
                raise NotYet(f"still written to: {', '.join(moved)}")

        until(settled, waited_for="the source to change no more", within_s=SETTLE_S, every_s=3)
        for database, parts in zip(databases, seen, strict=True):
            self._source.record_digest(database, "before", parts)
            self._source.peers(database, "before")

    def _thaw(self) -> None:
        try:
            resumed = self._parts.quiescer.resume(self._run.name, self._parts.options.resume)
        except HarnessError as error:
            self._steps.broke(HarnessError(f"{error}; {_back(self._run)}"))
        else:
            self._journal.append("thawed", writers=list(resumed))

    def _backup(self) -> None:
        source = self._parts.source
        pods = objects(source.kubectl, "pods", f"--namespace={source.place.namespace}")
        asked: list[Json] = [{"store": "", "pod": pod, "volume": volume} for pod, volume in volumes_asked(pods)]
        ran = {name_of(pod): hook_count(pod) for pod in pods}
        self._journal.append("protected", volumes=asked, hooks={pod: count for pod, count in ran.items() if count})
        self._journal.mark("T0")
        report = source.tool.backup(self._name, source.place.namespace)
        self._journal.append("backup", engine=source.tool.name, **asdict(report))

    def _restore(self) -> None:
        target = self._parts.target
        self._asked = True
        self._make_namespace()
        self._parts.enter()
        self._parts.classes()
        try:
            self._journal.mark("T4")
            report = target.tool.restore(self._name, self._name)
        except (ToolFailed, TimedOut) as error:
            target.kubectl("get", "--raw", "/readyz")  # else it is the cluster that failed, and not the move
            self._steps.fail(str(error), error)
        finally:
            self._parts.forget_classes()
        self._journal.append("restore", engine=target.tool.name, **asdict(report))
        self._journal.mark("T5")

    def _make_namespace(self) -> None:
        """The namespace as the source has it, and with our label, by which alone it may be removed again."""
        source, target = self._parts.source, self._parts.target
        found = objects(source.kubectl, "namespaces", f"--field-selector=metadata.name={source.place.namespace}")[0]
        labels = _words(found, "labels") | {LABEL: self._run.name}
        labels.pop("kubernetes.io/metadata.name", None)
        notes = _words(found, "annotations")
        notes.pop("kubectl.kubernetes.io/last-applied-configuration", None)
        metadata: Json = {"name": target.place.namespace, "labels": labels, "annotations": notes}
        wanted = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        target.kubectl("create", "-f", "-", stdin=wanted)

    def _read_back(self) -> None:
        target, databases = self._parts.target, self._parts.databases
        within_s = self._parts.options.objectives.rto_s or timeouts.RECOVER_S
        parallel.for_each(self._target.wait_for_all(databases, within_s), self._read)
        self._journal.mark("T9")
        record_state(self._journal, target.kubectl, target.volumes, (target.place.namespace,))
        parallel.for_each(databases, self._read_source)
        self._journal.append(
            "still-frozen", loose=dict(self._parts.quiescer.running_writers(self._parts.options.writers))
        )
        for end, which in ((self._parts.source, "source"), (target, "target")):
            self._pods(end, which)

    def _read(self, database: Database) -> None:
        self._target.digest(database, "after")
        self._target.peers(database, "target")
        self._target.check(database)

    def _read_source(self, database: Database) -> None:
        self._source.digest(database, "end", "source")
        self._source.peers(database, "source")

    def _pods(self, end: End, where: str) -> None:
        """Note which addresses are those of the namespace's own pods."""
        pods: Mapping[str, Json] = {
            name_of(pod): text(pod, "status", "podIP")
            for pod in objects(end.kubectl, "pods", f"--namespace={end.place.namespace}")
        }
        self._journal.append("pods", where=where, namespace=end.place.namespace, addresses=dict(pods))


def _back(run: Path) -> str:
    return f"the source may still be quiesced: `drillproof migrate back {run.name}` resumes it"


def _words(thing: Object, which: str) -> dict[str, Json]:
    found = at(thing, "metadata", which)
    return dict(found) if isinstance(found, Mapping) else {}
