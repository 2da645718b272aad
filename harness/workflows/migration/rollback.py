"""After a migration: start the target's writers, or go back to the source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.checks.data import differences
from harness.core import timeouts
from harness.core.errors import HarnessError, Misconfigured, TimedOut
from harness.core.json import text
from harness.core.kubernetes import LABEL, Object, RunsKubectl, objects
from harness.core.model import Json
from harness.core.parallel import for_each
from harness.core.wait import NotYet, until
from harness.evidence.run_directory import MOVE, Run
from harness.workflows.migration.quiesce import Quiescer
from harness.workflows.migration.request import Place
from harness.workloads.database_probe import DatabaseProbe
from harness.workloads.detection import Database

MOST = 3


@dataclass(frozen=True)
class MigratedRun:
    """A migration as its run directory has it, complete or not."""

    name: str
    source: Place
    target: Place
    writers: tuple[str, ...]
    resume: str
    databases: tuple[Database, ...]  # with the source's namespace
    source_digests: Mapping[str, Mapping[str, Json]]  # of each at the end of the migration, by its key
    target_digests: Mapping[str, Mapping[str, Json]]  # the same, of its copy; by the key at the source

    @property
    def there(self) -> tuple[Database, ...]:
        """The databases with the target's namespace."""
        named = (asdict(database) | {"namespace": self.target.namespace} for database in self.databases)
        return tuple(Database(**fields) for fields in named)


@dataclass(frozen=True)
class End:
    """One end, to be acted on."""

    kubectl: RunsKubectl
    examiner: DatabaseProbe
    quiescer: Quiescer


def moved(path: Path) -> MigratedRun:
    """Read a run directory. Misconfigured if it is no migration; Unreadable if it cannot be trusted."""
    run = Run(path)
    if run.kind != MOVE:
        raise Misconfigured(f"{path.name} is no migration; `drillproof runs` lists the runs")
    facts = run.facts
    listed = facts.get("databases")
    return MigratedRun(
        name=path.name,
        source=_place(facts.get("source")),
        target=_place(facts.get("target")),
        writers=tuple(map(str, _list(facts.get("writers")))),
        resume=str(facts.get("unfreeze") or ""),
        databases=tuple(map(_database, listed if isinstance(listed, list) else [])),
        source_digests=_digests(run, "end"),
        target_digests=_digests(run, "after"),
    )


def start(run: MigratedRun, source: End, target: End) -> tuple[str, ...]:
    """Start the target's writers; return them. TimedOut if they do not get ready.

    Misconfigured, and nothing is started, if the source may have writes that the target lacks.
    """
    doubts = (*_running(run, source), *_changed(run.databases, run.source_digests, source))
    # Once more after the reading, which can take minutes.
    if doubts := doubts or tuple(_running(run, source)):
        raise Misconfigured(
            f"{run.source.name} may have writes that {run.target.name} lacks, so nothing is started: "
            f"{'; '.join(doubts)}; `drillproof migrate back {run.name}` goes back to the source"
        )
    resumed = target.quiescer.resume()
    target.quiescer.running(resumed)
    return resumed


def back(run: MigratedRun, source: End, target: End, *, lose_writes: bool, say: Callable[[str], None]) -> None:
    """Delete the target's namespace if this run created it, start the source's writers, and see a committed write.

    Misconfigured, and nothing is changed, if the target may have writes that the source lacks, unless `lose_writes`.
    HarnessError if the source accepts no write.
    """
    name = run.target.name
    found = _namespace(run, target)
    if found and text(found[0], "metadata", "labels", LABEL) == run.name:
        doubts = tuple(_doubts(run, target))
        if doubts and not lose_writes:
            raise Misconfigured(
                f"{name} may have writes that {run.source.name} lacks: {'; '.join(doubts)}; "
                "use --lose-writes to discard them"
            )
        say(f"{name}: {'; '.join(doubts) or 'its data are unchanged since the migration'}")
        # Not kubectl's own wait: without the right to watch it returns at once, without an error.
        target.kubectl("delete", "namespace", run.target.namespace, "--ignore-not-found", "--wait=false")

        def gone() -> None:
            if still := _namespace(run, target):
                raise NotYet(f"it is {text(still[0], 'status', 'phase')}")

        until(gone, waited_for=f"the namespace {name} to be gone", within_s=timeouts.DAMAGE_S)
        say(f"{name}: the namespace is deleted")
    else:
        say(f"{name}: {'kept, since this run did not create it' if found else 'there is no such namespace'}")
    resumed = source.quiescer.resume(run.resume)
    source.quiescer.running(resumed)
    done = ", ".join(filter(None, (*resumed, run.resume)))
    say(f"{run.source.name}: resumed: {done or 'nothing, no writer was quiesced'}")
    for _, taker in _takers(run, source):
        say(f"{run.source.name}: {taker} accepted a write")


def _namespace(run: MigratedRun, target: End) -> tuple[Object, ...]:
    """The target's namespace, if it exists."""
    return objects(target.kubectl, "namespaces", f"--field-selector=metadata.name={run.target.namespace}")


def _doubts(run: MigratedRun, target: End) -> Iterator[str]:
    """Why the target may have more data than were migrated."""
    keys = dict(zip((each.key for each in run.databases), (each.key for each in run.there), strict=True))
    yield from _changed(run.there, {keys[key]: parts for key, parts in run.target_digests.items()}, target)


def _running(run: MigratedRun, end: End) -> tuple[str, ...]:
    """Those of the writers that run at this end, or about which this is not known."""
    try:
        return tuple(f"{writer}: {seen}" for writer, seen in end.quiescer.running_writers(run.writers).items())
    except HarnessError as error:
        return (_line(error),)


def _changed(databases: Sequence[Database], recorded: Mapping[str, Mapping[str, Json]], end: End) -> tuple[str, ...]:
    """Those of the databases at this end whose data differ from the recorded ones, or about which this is not known."""

    def changed(database: Database) -> str:
        known = recorded.get(database.key)
        if known is None:
            return f"the migration recorded no fingerprint of {database.key}"
        try:
            now = {name: asdict(part) for name, part in end.examiner.digest(database).items()}
        except HarnessError as error:
            return f"{database.key} cannot be read ({_line(error)})"
        differ = differences(known, now)
        more = f" and {len(differ) - MOST} more" if len(differ) > MOST else ""
        return (
            f"{len(differ)} parts of {database.key} differ: {', '.join(each.detail for each in differ[:MOST])}{more}"
            if differ
            else ""
        )

    return tuple(filter(None, for_each(databases, changed)))


def _line(error: HarnessError) -> str:
    return (str(error).splitlines() or ["no answer"])[-1]


def _takers(run: MigratedRun, source: End) -> Iterator[tuple[str, str]]:
    """One database of each kind that accepted a write."""
    by_kind: dict[str, list[Database]] = {}
    for database in run.databases:
        by_kind.setdefault(database.kind, []).append(database)
    for kind, members in by_kind.items():

        def taker(members: Sequence[Database] = members) -> str:
            said = []
            for member in members:
                try:
                    source.examiner.probe(member)
                except (HarnessError, TimedOut) as error:
                    said.append(str(error))
                else:
                    return member.key
            raise NotYet("; ".join(said))

        yield kind, until(taker, waited_for=f"{run.source.name} to accept a write in {kind}", within_s=timeouts.READ_S)


def _digests(run: Run, when: str) -> dict[str, Mapping[str, Json]]:
    """The last digest of each database."""
    read = {str(event.data.get("store")): event.data.get("parts") for event in run.of("digest", when=when)}
    return {key: parts for key, parts in read.items() if isinstance(parts, Mapping)}


def _place(told: Json) -> Place:
    return Place(text(told, "context"), text(told, "namespace"))


def _database(told: Json) -> Database:
    return Database(*(text(told, name) for name in ("kind", "namespace", "pod", "container", "why", "fingerprint")))


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []
