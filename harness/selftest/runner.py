"""Spoils a good recovery in every way that is known, and sees whether each is noticed, and for its own reason.

There are three ways to spoil: `live`, where something is done to a member and its store is read anew; `story`, where
the drill would have recorded something else; and `forgery`, where somebody edits the evidence. Each gives a run
directory of its own, judged by the very checks that judge drills. It is kept where a sabotage went unnoticed.

The cheap tier takes seconds and precedes every drill: a drill in memory is spoilt. The real tier spoils what a real
drill has restored, while its databases still run.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from harness.core import parallel
from harness.core.model import Json
from harness.evidence import journal
from harness.selftest import memory_mutations, migration, object_mutations, proof
from harness.selftest.base import Base, Outcome, outcome
from harness.selftest.in_memory import World, rehearse
from harness.selftest.journal_mutations import STORIES, Story
from harness.selftest.live import Live, SpoiltStore
from harness.selftest.mutation import Sabotage
from harness.selftest.tampering import FORGERIES, Forgery
from harness.workloads.deployment import Deployment

STORES = ("mysql", "postgres", "consul")
EXEC_S = 120.0


def rehearsal() -> dict[str, Json]:
    """What the cheap tier comes to, in words and figures."""
    with tempfile.TemporaryDirectory(prefix="drillproof-") as folder:
        begun = time.monotonic()
        seen = summary(rehearsed(Path(folder)))
        return {**seen, "seconds": round(time.monotonic() - begun, 1)}


def rehearsal_of_proofs() -> dict[str, Json]:
    """The same for what is judged where a backup is proved that is there already: a good proof, told otherwise."""
    return _rehearsal_of(proof.good, proof.STORIES, proof.FORGERIES)


def rehearsal_of_moves() -> dict[str, Json]:
    """The same for what is judged where an application is moved for good."""
    return _rehearsal_of(migration.good, migration.STORIES, migration.FORGERIES)


def _rehearsal_of(
    good: Callable[[Path], Path], stories: Iterable[Story], forgeries: Iterable[Forgery]
) -> dict[str, Json]:
    with tempfile.TemporaryDirectory(prefix="drillproof-") as folder:
        begun = time.monotonic()
        base = Base(good(Path(folder) / "runs"), Path(folder) / "spoilt")
        seen = summary(_told(base, stories, forgeries))
        return {**seen, "seconds": round(time.monotonic() - begun, 1)}


def rehearsed(folder: Path) -> Iterator[Outcome]:
    """The cheap tier, in seconds and without a cluster: a drill in memory, spoilt in every way."""
    world = World()
    stores = tuple(memory_mutations.SpoilableStore(name, world) for name in STORES)
    left = rehearse(folder / "runs", world, stores)
    base = Base(left.run, folder / "spoilt")
    for store in stores:
        live = Live(base, store, restart=left.deployment.restart, shell=_no_shell, unwell_s=0.02, seen_s=0.02)
        yield from live.outcomes(memory_mutations.catalogue(store.name))
    yield from _told(base)


def real(
    run: Path,
    deployment: Deployment,
    stores: Iterable[SpoiltStore],
    *,
    catalogues: Mapping[str, tuple[Sabotage, ...]],
    services: Mapping[str, str],
    tell: Callable[[Outcome], None],
) -> tuple[Outcome, ...]:
    """The real tier, on the members that a drill has restored; `run` is its directory, `tell` hears of each outcome.

    `catalogues` and `services` (what clients come by) are by store. HarnessError if the drill did not pass.
    """
    kubectl, namespace = deployment.cluster.kubectl, deployment.namespace
    base = _good(run)

    def shell(member: str, line: str) -> str:
        return kubectl("exec", f"--namespace={namespace}", member, "--", "/bin/sh", "-c", line, within_s=EXEC_S)

    def spoil(store: SpoiltStore) -> list[Outcome]:
        live = Live(base, store, restart=deployment.restart, shell=shell)
        return _each(live.outcomes(catalogues[store.name]), tell)

    spoilt = tuple(stores)
    found = [seen for each in parallel.each(spoilt, spoil) for seen in each]
    for store in spoilt:
        intrusions = object_mutations.catalogue(namespace, store.name, services[store.name])
        found += _each(object_mutations.outcomes(base, kubectl, namespace, intrusions), tell)
    found += _each(_told(base), tell)
    return tuple(found)


def summary(outcomes: Iterable[Outcome]) -> dict[str, Json]:
    """How many were noticed, and every one that was not."""
    seen = tuple(outcomes)
    missed: list[Json] = [asdict(each) for each in seen if each.missed]
    return {"noticed": len(seen) - len(missed), "missed": missed}


def _good(run: Path) -> Base:
    """What the drill has recorded so far, as a run that ended here."""
    good = run / "selftest" / "good"
    shutil.copytree(run / "ledger", good / "ledger")
    shutil.copyfile(run / "run.json", good / "run.json")
    Base.tell(good, journal.read(run / "journal.jsonl"))
    return Base(good, run / "selftest")


def _told(
    base: Base, stories: Iterable[Story] = STORIES, forgeries: Iterable[Forgery] = FORGERIES
) -> Iterator[Outcome]:
    for story in stories:
        if story.needs and not base.run.of(story.needs):
            continue
        path = base.copy(f"story {story.name}")
        base.tell(path, story.change(base.events))
        yield outcome("story", "", story, path)
    for forgery in forgeries:
        path = base.copy(f"forgery {forgery.name}")
        base.tell(path, base.events)
        forgery.forge(path)
        yield outcome("forgery", "", forgery, path)


def _each(outcomes: Iterable[Outcome], tell: Callable[[Outcome], None]) -> list[Outcome]:
    seen = []
    for each in outcomes:
        tell(each)
        seen.append(each)
    return seen


def _no_shell(member: str, line: str) -> None:
    raise NotImplementedError("nothing in memory has a shell")
