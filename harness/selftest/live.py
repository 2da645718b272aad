"""Mutates the members of a drill that passed, while they still run, reads them again, and reverts the mutation."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from harness.core import wait
from harness.core.clock import Clock
from harness.core.errors import HarnessError
from harness.core.model import Event, Json, Row
from harness.core.ports import Corrupt, Datastore, Refused, Unanswered
from harness.evidence import journal
from harness.evidence.journal import Journal
from harness.evidence.ledger import LedgerWriter, Ticker, fingerprint, read_attempts
from harness.evidence.run_directory import Run
from harness.selftest.baseline import Baseline, Outcome, not_passed, outcome
from harness.selftest.mutation import Act, Mutation, MutationTarget
from harness.workflows.drill.readback import Observer, all_healthy, members

HEALTHY_S = 120.0
"""How long a store may take to become healthy after a mutation was reverted."""


class MutableStore(Datastore, MutationTarget, Protocol):
    """A datastore that the self-test can mutate."""


Restart = Callable[[tuple[str, ...]], Mapping[str, Mapping[str, Json]]]
Shell = Callable[[str, str], object]


class LiveMutator:
    def __init__(
        self,
        base: Baseline,
        store: MutableStore,
        *,
        restart: Restart,
        shell: Shell,
        unhealthy_s: float = 6,
        replicated_s: float = 10,
    ) -> None:
        """`restart` restarts members; `shell` runs a command in a member's container.

        A mutated store has `unhealthy_s` seconds to become healthy, so that a moment's lag is not taken for a detected
        mutation; a new write has `replicated_s` seconds to show on a member.
        """
        self._base = base
        self._store = store
        self._restart = restart
        self._shell = shell
        self._unhealthy_s, self._replicated_s = unhealthy_s, replicated_s
        self._clock = Clock(base.events[-1].at_s)
        file = base.run.path / "ledger" / f"{store.name}.jsonl"
        self._ledger = file.read_bytes()
        *_, last = read_attempts(file)
        self._last_n = last.n
        self._ticker = Ticker(self._clock, 1, first=last.tick)
        self._rows = {member: store.reference_digest(member) for member in store.members}

    def outcomes(self, catalogue: Iterable[Mutation]) -> Iterator[Outcome]:
        """Do all mutations, one at a time. The last outcome says whether all were reverted."""
        for mutation in catalogue:
            yield self._outcome(mutation)
        yield Outcome("live", self._store.name, "all mutations reverted", self._differences())

    def _differences(self) -> str:
        try:
            found = not_passed(Run(self._read("all reverted", writes=True, restarts=True)))
        except HarnessError as error:
            return f"could not read the store: {error}"
        return " | ".join(f"{finding.check} {finding.member}: {finding.reason}: {finding.detail}" for finding in found)

    def _outcome(self, mutation: Mutation) -> Outcome:
        try:
            self._do(mutation.mutate)
            path = self._read(mutation.name, writes=mutation.writes, restarts=mutation.restarts)
            disagreement = self._disagreement(path)
            seen = outcome("live", self._store.name, mutation, path)
            seen = replace(seen, missed=seen.missed or disagreement)
        except (HarnessError, Corrupt, Refused, Unanswered) as error:
            seen = Outcome("live", self._store.name, mutation.name, f"could not mutate the store: {error}")
        try:
            self._revert(mutation.revert)
            self._until_healthy()
        except HarnessError as error:
            return replace(seen, missed=f"{seen.missed}; could not revert the mutation: {error}".removeprefix("; "))
        return seen

    def _do(self, acts: Iterable[Act]) -> None:
        for act in acts:
            if act.text.startswith("$ "):
                self._shell(act.member, act.text.removeprefix("$ "))
            else:
                self._store.execute(act.member, act.text)

    def _revert(self, acts: Iterable[Act]) -> None:
        for act in acts:  # a server that stopped itself takes a while to answer again
            wait.until(partial(self._do, (act,)), waited_for=f"{act.member} to be reverted", within_s=HEALTHY_S)

    def _until_healthy(self) -> None:
        wait.until(
            lambda: all_healthy(members((self._store,))),
            waited_for=f"{self._store.name} to be healthy again",
            within_s=HEALTHY_S,
        )

    def _read(self, name: str, *, writes: bool, restarts: bool) -> Path:
        """Read the store as a drill does at its end; return a run directory with the result."""
        store = self._store
        attempts = f"{store.name}.jsonl"
        path = self._base.copy(f"{store.name} {name}", (attempts, *(f"{store.name}@{m}.jsonl" for m in store.members)))
        observed = Journal(path / "observed.jsonl", self._clock)
        observer = Observer(observed, path, (store,))
        if writes:
            self._write(path, observed, observer)
        if restarts:
            for member, uids in self._restart(store.members).items():
                observed.append("restart", member=member, **uids)
        observer.healths("after", within_s=HEALTHY_S if restarts else self._unhealthy_s)
        observer.digests("after")
        observer.survivors()
        observer.indexes()
        (path / "ledger" / attempts).write_bytes(self._ledger)
        observer.file(path / "ledger" / attempts, fingerprint(path / "ledger" / attempts))
        observed.close()
        kept = [event for event in self._base.events if not self._is_read_again(event)]
        self._base.write_journal(path, (*kept, *journal.read(path / "observed.jsonl")[1:-1]))
        return path

    def _is_read_again(self, event: Event) -> bool:
        """Whether an event of the baseline is one that is read again here; a silent member must not profit from it."""
        kinds = ("health", "digest", "indexes", "unread", "corrupt", "survivors", "balances")
        of_store = event.data.get("store") == self._store.name and event.data.get("when") != "before"
        return event.kind in kinds and of_store

    def _write(self, path: Path, observed: Journal, observer: Observer) -> None:
        """One new write, and the members that show it; it stays in the ledger from now on."""
        store, file = self._store, path / "new-write.jsonl"
        writer = LedgerWriter(
            store.name, file, 0, observed.clock, store.writer, ticker=self._ticker, after_n=self._last_n
        )
        self._last_n += 1
        write: dict[str, Json] = {"store": store.name, "n": self._last_n}
        try:
            operation = writer.write_one()
            row = Row(operation.n, operation.key, operation.value)
            seen: list[Json] = [*observer.shown_on(store, row, within_s=self._replicated_s)]
            observed.append("write", **write, committed=True, seen_on=seen)
        except (HarnessError, Unanswered, Refused) as error:
            observed.append("write", **write, committed=False, detail=str(error))
        finally:
            writer.stop()
            writer.close()
        self._ledger += file.read_bytes()

    def _disagreement(self, path: Path) -> str:
        """Which rows differ by the digest and not by the reference digest, or vice versa; "" if the two agree."""
        for member in self._store.members:
            before, after = (_parts(Run(path), when, member) for when in ("before", "after"))
            if not after or all(before.get(part) == after.get(part) for part in self._rows[member]):
                continue  # it could not be read, or no rows were mutated
            reference = self._store.reference_digest(member)
            for part in self._rows[member].keys() | reference.keys():
                by_reference = self._rows[member].get(part) != reference.get(part)
                by_digest = before.get(part) != after.get(part)
                if by_reference != by_digest:
                    return f"{member}: {part} changed by {'the digest' if by_digest else 'the reference digest'} only"
        return ""


def _parts(run: Run, when: str, member: str) -> dict[str, Json]:
    events = run.of("digest", when=when, member=member)
    parts = events[-1].data.get("parts") if events else {}
    return dict(parts) if isinstance(parts, Mapping) else {}
