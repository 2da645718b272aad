"""Mutates a good recovery in every known way, and tests that each mutation is detected for the expected reason.

There are three kinds of mutation. `live`: a member is changed and its store is read again. `journal`: the drill
records other events. `tampering`: the evidence is edited. Each results in its own run directory, which the checks of a
drill judge; it is kept if the mutation was missed.

The in-memory self-test mutates a drill in memory, in seconds, before every drill. The live self-test mutates what a
drill has restored on a cluster, while the databases still run.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from harness.core import parallel
from harness.core.model import Json
from harness.evidence import journal
from harness.selftest import catalogue, good_runs, journal_mutations, memory_mutations, object_mutations
from harness.selftest.baseline import Baseline, Outcome, outcome
from harness.selftest.in_memory import World
from harness.selftest.live import LiveMutator, MutableStore
from harness.selftest.tampering import EDITED, TAMPERINGS, Tampering
from harness.workloads.deployment import Deployment

SERVICES = {"mysql": "mysql-primary", "postgres": "postgres-primary", "consul": "consul-http"}
"""The Service by which the clients of each store reach it."""
EXEC_S = 120.0


def in_memory_self_test() -> dict[str, Json]:
    """Mutate a drill in memory; the result as `summary` has it, and `seconds`."""
    return _timed(in_memory_outcomes)


def in_memory_self_test_of_proofs() -> dict[str, Json]:
    """The same for the checks of a proof."""
    return _timed(lambda folder: evidence_outcomes(_good(folder, good_runs.proof), "proof", EDITED))


def in_memory_self_test_of_migrations() -> dict[str, Json]:
    """The same for the checks of a migration."""
    return _timed(lambda folder: evidence_outcomes(_good(folder, good_runs.migration), "migration", EDITED))


def _timed(outcomes: Callable[[Path], Iterable[Outcome]]) -> dict[str, Json]:
    with tempfile.TemporaryDirectory(prefix="drillproof-") as folder:
        started = time.monotonic()
        result = summary(outcomes(Path(folder)))
        return {**result, "seconds": round(time.monotonic() - started, 1)}


def _good(folder: Path, make: Callable[[Path], Path]) -> Baseline:
    return Baseline(make(folder / "runs"), folder / "mutated")


def in_memory_outcomes(folder: Path) -> Iterator[Outcome]:
    """Record a drill in memory, in `folder`, and apply every mutation to it."""
    world = World()
    stores = tuple(memory_mutations.MutableMemoryStore(name, world) for name in catalogue.STORES)
    base = Baseline(good_runs.drill(folder / "runs", world, stores), folder / "mutated")
    for store in stores:
        mutator = LiveMutator(base, store, restart=world.restart, shell=_no_shell, unhealthy_s=0.02, replicated_s=0.02)
        yield from mutator.outcomes(memory_mutations.catalogue(store.name))
    yield from evidence_outcomes(base)


def live_outcomes(
    run: Path, deployment: Deployment, stores: Iterable[MutableStore], report: Callable[[Outcome], None]
) -> tuple[Outcome, ...]:
    """Apply every mutation to the members that a drill has restored, and call `report` with each outcome.

    `run` is the drill's directory. HarnessError if the drill did not pass.
    """
    kubectl, namespace = deployment.cluster.kubectl, deployment.namespace
    base = _baseline(run)

    def shell(member: str, line: str) -> str:
        return kubectl("exec", f"--namespace={namespace}", member, "--", "/bin/sh", "-c", line, within_s=EXEC_S)

    def mutate(store: MutableStore) -> list[Outcome]:
        mutator = LiveMutator(base, store, restart=deployment.restart, shell=shell)
        return _reported(mutator.outcomes(catalogue.mutations(store.name)), report)

    mutated = tuple(stores)
    found = [seen for each in parallel.for_each(mutated, mutate) for seen in each]
    for store in mutated:
        mutations = object_mutations.catalogue(namespace, store.name, SERVICES[store.name])
        found += _reported(object_mutations.outcomes(base, kubectl, namespace, mutations), report)
    found += _reported(evidence_outcomes(base), report)
    return tuple(found)


def summary(outcomes: Iterable[Outcome]) -> dict[str, Json]:
    """`noticed`: how many were detected; `missed`: every outcome that was not."""
    seen = tuple(outcomes)
    missed: list[Json] = [asdict(each) for each in seen if each.missed]
    return {"noticed": len(seen) - len(missed), "missed": missed}


def _baseline(run: Path) -> Baseline:
    good = run / "selftest" / "good"
    shutil.copytree(run / "ledger", good / "ledger")
    shutil.copyfile(run / "run.json", good / "run.json")
    Baseline.write_journal(good, journal.read(run / "journal.jsonl"))
    return Baseline(good, run / "selftest")


def evidence_outcomes(
    base: Baseline, workflow: str = "drill", tamperings: Iterable[Tampering] = TAMPERINGS
) -> Iterator[Outcome]:
    for mutation in journal_mutations.mutations(workflow):
        if mutation.needs and not (base.run.of(mutation.needs) or mutation.needs in base.run.facts):
            continue
        path = base.copy(f"journal {mutation.name}")
        base.write_journal(path, mutation.change(base.events))
        yield outcome("journal", "", mutation, path)
    for tampering in tamperings:
        path = base.copy(f"tampering {tampering.name}")
        base.write_journal(path, base.events)
        tampering.edit(path)
        yield outcome("tampering", "", tampering, path)


def _reported(outcomes: Iterable[Outcome], report: Callable[[Outcome], None]) -> list[Outcome]:
    seen = []
    for each in outcomes:
        report(each)
        seen.append(each)
    return seen


def _no_shell(member: str, line: str) -> None:
    raise NotImplementedError("a store in memory has no shell")
