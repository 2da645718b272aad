"""After a migration: start the target's writers, or go back to the source."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from harness.checks.check import few
from harness.checks.data import differences
from harness.core import timeouts
from harness.core.errors import HarnessError, Misconfigured
from harness.core.json import items, text
from harness.core.kubernetes import LABEL, claims_of, find, name_of, objects
from harness.core.model import Json
from harness.core.parallel import for_each
from harness.core.wait import NotYet, until
from harness.evidence.run_directory import MOVE, Run
from harness.workflows.migration.inventory import last_line
from harness.workflows.migration.migration import End
from harness.workflows.migration.request import Place
from harness.workloads.detection import Database

MOST = 3


@dataclass(frozen=True)
class MigratedRun:
    """A migration as its run directory has it, complete or not."""

    name: str
    source: Place
    target: Place
    clusters: tuple[str, str]  # the UIDs of kube-system at both ends; "" if not recorded
    writers: tuple[str, ...]
    quiesce: str  # the user's command that stopped the other writers of the source
    resume: str
    databases: tuple[Database, ...]  # with the source's namespace
    source_digests: Mapping[str, Mapping[str, Json]]  # of each at the end of the migration, by its key
    target_digests: Mapping[str, Mapping[str, Json]]  # the same, of its copy; by the key at the source


def moved(path: Path) -> MigratedRun:
    """Read a run directory. Misconfigured if it is no migration; Unreadable if it cannot be trusted."""
    run = Run(path)
    if run.kind != MOVE:
        raise Misconfigured(f"{path.name} is no migration; `drillproof runs` lists the runs")
    facts = run.facts
    return MigratedRun(
        name=path.name,
        source=_place(facts, "source"),
        target=_place(facts, "target"),
        clusters=(text(facts, "source", "cluster"), text(facts, "target", "cluster")),
        writers=tuple(map(str, items(facts, "writers"))),
        quiesce=text(facts, "freeze"),
        resume=text(facts, "unfreeze"),
        databases=tuple(map(_database, items(facts, "databases"))),
        source_digests=_digests(run, "end"),
        target_digests=_digests(run, "after"),
    )


def start(run: MigratedRun, source: End, target: End, *, say: Callable[[str], None]) -> None:
    """Start the target's writers, and say which. TimedOut if they do not get ready.

    Misconfigured, and nothing is started, if the source may have writes that the target lacks.
    """
    running = partial(_running, run, source)
    doubts = _doubts(running, partial(_changed, run, run.source_digests, source))
    # Once more after the reading, which can take minutes.
    if doubts := doubts or _doubts(running):
        raise Misconfigured(
            f"{run.source.name} may have writes that {run.target.name} lacks, so nothing is started: "
            f"{'; '.join(doubts)}; `drillproof migrate back {run.name}` goes back to the source"
        )
    _resume(run, target, say)


def back(
    run: MigratedRun, source: End, target: End, *, resume: str, lose_writes: bool, say: Callable[[str], None]
) -> None:
    """Delete the target's namespace if this run created it, start the source's writers, and see a committed write.

    The target's writers are stopped before its data are compared, so that no write comes after the comparison.
    Misconfigured, and all runs as before, if the target may have writes that the source lacks, unless `lose_writes`.
    `resume` is the user's command that starts the other writers of the source: the recorded one is never run.
    HarnessError if the source accepts no write.
    """
    if run.resume and not resume:
        raise Misconfigured(
            f"{run.name} stopped writers with a command, and drillproof runs no command out of a run directory; "
            f"give the command that starts them again: --resume CMD (recorded: {run.resume!r})"
        )
    name = run.target.name
    found = find(target.kubectl, "namespaces", run.target.namespace)
    if text(found, "metadata", "labels", LABEL) == run.name:
        started = _doubts(partial(_started, run, target))
        if not lose_writes:
            _refuse(run, started)
        with _stopped(run, target) as running:
            changed = partial(_changed, run, run.target_digests, target)
            # The writers last: the reading can take minutes.
            left = _doubts(changed, partial(_unread_volumes, run, target), partial(_running, run, target))
            doubts = (*started, *running, *left)
            if not lose_writes:
                _refuse(run, doubts)
        say(f"{name}: {'; '.join(doubts) or 'its data are unchanged since the migration'}")
        # Not kubectl's own wait: without the right to watch it returns at once, without an error.
        target.kubectl("delete", "namespace", run.target.namespace, "--ignore-not-found", "--wait=false")

        def gone() -> None:
            if still := find(target.kubectl, "namespaces", run.target.namespace):
                raise NotYet(f"it is {text(still, 'status', 'phase')}")

        until(gone, waited_for=f"the namespace {name} to be gone", within_s=timeouts.DAMAGE_S)
        say(f"{name}: the namespace is deleted")
    else:
        say(f"{name}: {'kept, since this run did not create it' if found else 'there is no such namespace'}")
    _resume(run, source, say, resume)
    for kind in sorted({database.kind for database in run.databases}):
        written = partial(_write, source, [database for database in run.databases if database.kind == kind])
        what = f"{run.source.name} to accept a write in {kind}"
        say(f"{run.source.name}: {until(written, waited_for=what, within_s=timeouts.READ_S)} accepted a write")


def _resume(run: MigratedRun, end: End, say: Callable[[str], None], command: str = "") -> None:
    resumed = end.quiescer.resume(run.name, command)
    end.quiescer.running(resumed)
    done = ", ".join(filter(None, (*resumed, command)))
    say(f"{end.place.name}: resumed: {done or 'nothing, no writer was quiesced'}")


def _refuse(run: MigratedRun, doubts: Sequence[str]) -> None:
    if doubts:
        raise Misconfigured(
            f"{run.target.name} may have writes that {run.source.name} lacks, so it is not deleted: "
            f"{'; '.join(doubts)}; use --lose-writes to discard all that was written there since the migration"
        )


def _doubts(*readings: Callable[[], Iterable[str]]) -> tuple[str, ...]:
    """Why there may be writes that are not at both ends; an end that cannot be read is a doubt."""
    found: list[str] = []
    for reading in readings:
        try:
            found += reading()
        except HarnessError as error:
            found.append(last_line(error))
    return tuple(found)


def _started(run: MigratedRun, target: End) -> Iterator[str]:
    marked = target.quiescer.marked(run.name)
    if free := [writer for writer in run.writers if writer not in marked]:
        yield f"{', '.join(free)}: started since the migration, or deleted"


@contextlib.contextmanager
def _stopped(run: MigratedRun, target: End) -> Iterator[tuple[str, ...]]:
    """Stop the target's writers; start them again as they ran if the block fails. Yields why one may still run."""
    held: dict[str, Json] = {}
    doubts: list[str] = []
    try:
        try:
            for writer in run.writers:
                if specs := target.quiescer.running_spec(writer):
                    held[writer], stopped = specs  # first, since a patch that times out may have stopped it
                    target.quiescer.patch(writer, stopped)
            target.quiescer.wait_until_stopped(run.writers)
        except HarnessError as error:
            doubts.append(last_line(error))
        if run.quiesce:
            doubts.append(
                "drillproof cannot stop those of its writers that the command of --quiesce stops at the source"
            )
        yield tuple(doubts)
    except BaseException:
        _restart(held, target)
        raise


def _restart(held: Mapping[str, Json], target: End) -> None:
    failed = []
    for writer, spec in held.items():
        try:
            target.quiescer.patch(writer, spec)
        except HarnessError as error:
            failed.append(f"{writer} ({last_line(error)})")
    if failed:
        raise HarnessError(
            "nothing was deleted, but `migrate back` stopped writers and cannot start them again: "
            f"{', '.join(failed)}; start them in {target.quiescer.namespace} yourself"
        )


def _unread_volumes(run: MigratedRun, target: End) -> Iterator[str]:
    """The volumes that no database holds: no fingerprint shows whether they changed."""
    here = f"--namespace={run.target.namespace}"
    claims = set(map(name_of, objects(target.kubectl, "persistentvolumeclaims", here)))
    databases = {database.pod for database in run.databases}
    for pod in objects(target.kubectl, "pods", here):
        if name_of(pod) in databases:
            claims -= set(claims_of(pod).values())
    for claim in sorted(claims):
        yield f"the volume of {claim} belongs to no database, so no fingerprint shows whether it was written to"


def _running(run: MigratedRun, end: End) -> Iterator[str]:
    for writer, seen in end.quiescer.running_writers(run.writers).items():
        yield f"{writer}: {seen}"


def _changed(run: MigratedRun, recorded: Mapping[str, Mapping[str, Json]], end: End) -> Iterator[str]:
    def changed(database: Database) -> str:
        here = replace(database, namespace=end.place.namespace)
        known = recorded.get(database.key)
        if known is None:
            return f"the migration recorded no fingerprint of {here.key}"
        try:
            now = {name: asdict(part) for name, part in end.probe.digest(here).items()}
        except HarnessError as error:
            return f"{here.key} cannot be read ({last_line(error)})"
        differ = [each.detail for each in differences(known, now)]
        return f"{len(differ)} parts of {here.key} differ: {few(differ, MOST, ', ')}" if differ else ""

    return filter(None, for_each(run.databases, changed))


def _write(source: End, members: Iterable[Database]) -> str:
    """The first of these databases that accepts a write. NotYet if none does."""
    refused = []
    for member in members:
        try:
            source.probe.probe(member)
        except HarnessError as error:
            refused.append(str(error))
        else:
            return member.key
    raise NotYet("; ".join(refused))


def _digests(run: Run, when: str) -> dict[str, Mapping[str, Json]]:
    read = {str(event.data.get("store")): event.data.get("parts") for event in run.of("digest", when=when)}
    return {key: parts for key, parts in read.items() if isinstance(parts, Mapping)}


def _place(facts: Json, end: str) -> Place:
    return Place(text(facts, end, "context"), text(facts, end, "namespace"))


def _database(told: Json) -> Database:
    return Database(*(text(told, name) for name in ("kind", "namespace", "pod", "container", "why", "fingerprint")))
