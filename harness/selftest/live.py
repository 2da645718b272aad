"""Spoils the members of a drill that passed, while they still run, reads them anew, and heals them."""

from __future__ import annotations

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
from harness.selftest.base import Base, Outcome, outcome, red
from harness.selftest.mutation import Act, Sabotage, Spoilable
from harness.workflows.drill.readback import Observer, all_healthy, members

WELL_S = 120.0
"""How long a store may take to be well again once it was healed."""


class SpoiltStore(Datastore, Spoilable, Protocol):
    """A datastore that sabotage can be done to."""


Restart = Callable[[tuple[str, ...]], Mapping[str, Mapping[str, Json]]]
Shell = Callable[[str, str], object]


class Live:
    """One store, spoilt and healed again and again."""

    def __init__(
        self,
        base: Base,
        store: SpoiltStore,
        *,
        restart: Restart,
        shell: Shell,
        unwell_s: float = 6,
        seen_s: float = 10,
    ) -> None:
        """`restart` makes members anew; `shell` runs a line in a member's container.

        A spoilt store has `unwell_s` to be well after all, since a moment's lag is no sabotage noticed; a new write
        has `seen_s` to show on a member.
        """
        self._base = base
        self._store = store
        self._restart = restart
        self._shell = shell
        self._unwell_s, self._seen_s = unwell_s, seen_s
        self._clock = Clock(base.events[-1].at_s)
        file = base.run.path / "ledger" / f"{store.name}.jsonl"
        self._ledger = file.read_bytes()
        *_, last = read_attempts(file)
        self._last_n = last.n
        self._ticker = Ticker(self._clock, 1, first=last.tick)
        self._rows = {member: store.reference_digest(member) for member in store.members}

    def outcomes(self, catalogue: Iterable[Sabotage]) -> Iterator[Outcome]:
        """Do every sabotage, one at a time; the last outcome tells whether all was healed."""
        for sabotage in catalogue:
            yield self._spoilt(sabotage)
        yield Outcome("live", self._store.name, "all healed again", self._left())

    def _left(self) -> str:
        """What of the store is not as it was, in words."""
        try:
            left = red(Run(self._read("all healed", writes=True, restarts=True)))
        except HarnessError as error:
            return f"could not be read: {error}"
        return " | ".join(f"{finding.check} {finding.member}: {finding.reason}: {finding.detail}" for finding in left)

    def _spoilt(self, sabotage: Sabotage) -> Outcome:
        try:
            self._do(sabotage.spoil)
            path = self._read(sabotage.name, writes=sabotage.writes, restarts=sabotage.restarts)
            odd = self._disagreement(path)
            seen = outcome("live", self._store.name, sabotage, path)
            seen = replace(seen, missed=seen.missed or odd)
        except (HarnessError, Corrupt, Refused, Unanswered) as error:
            seen = Outcome("live", self._store.name, sabotage.name, f"could not be done: {error}")
        try:
            self._heal(sabotage.heal)
            self._until_well()
        except HarnessError as error:
            return replace(seen, missed=f"{seen.missed}; could not be healed: {error}".removeprefix("; "))
        return seen

    def _do(self, acts: Iterable[Act]) -> None:
        for act in acts:
            if act.text.startswith("$ "):
                self._shell(act.member, act.text.removeprefix("$ "))
            else:
                self._store.execute(act.member, act.text)

    def _heal(self, acts: Iterable[Act]) -> None:
        for act in acts:  # a server that ended itself takes its time to be there again
            wait.until(partial(self._do, (act,)), waited_for=f"{act.member} to be healed", within_s=WELL_S)

    def _until_well(self) -> None:
        wait.until(
            lambda: all_healthy(members((self._store,))),
            waited_for=f"{self._store.name} to be well again",
            within_s=WELL_S,
        )

    def _read(self, name: str, *, writes: bool, restarts: bool) -> Path:
        """Read the store as a drill does at its end; return the run directory that would have come of it."""
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
        observer.healths("after", within_s=WELL_S if restarts else self._unwell_s)
        observer.digests("after")
        observer.survivors()
        observer.indexes()
        (path / "ledger" / attempts).write_bytes(self._ledger)
        observer.file(path / "ledger" / attempts, fingerprint(path / "ledger" / attempts))
        observed.close()
        told = [event for event in self._base.events if not self._is_about_the_end(event)]
        self._base.tell(path, (*told, *journal.read(path / "observed.jsonl")[1:-1]))
        return path

    def _is_about_the_end(self, event: Event) -> bool:
        """Whether an event of the base tells what is read anew here: it must not speak for a member that is silent."""
        kinds = ("health", "digest", "indexes", "unread", "corrupt", "survivors", "balances")
        ours = event.data.get("store") == self._store.name and event.data.get("when") != "before"
        return event.kind in kinds and ours

    def _write(self, path: Path, observed: Journal, observer: Observer) -> None:
        """One new write, and on which members it is seen; it stays in the ledger from now on."""
        store, file = self._store, path / "new-write.jsonl"
        writer = LedgerWriter(
            store.name, file, 0, observed.clock, store.writer, ticker=self._ticker, after_n=self._last_n
        )
        self._last_n += 1
        told: dict[str, Json] = {"store": store.name, "n": self._last_n}
        try:
            operation = writer.write_one()
            row = Row(operation.n, operation.key, operation.value)
            seen: list[Json] = [*observer.shown_on(store, row, within_s=self._seen_s)]
            observed.append("write", **told, committed=True, seen_on=seen)
        except (HarnessError, Unanswered, Refused) as error:
            observed.append("write", **told, committed=False, detail=str(error))
        finally:
            writer.stop()
            writer.close()
        self._ledger += file.read_bytes()

    def _disagreement(self, path: Path) -> str:
        """Which rows have changed by the one way to compare and not by the other; "" if the two agree."""
        for member in self._store.members:
            before, after = (_parts(Run(path), when, member) for when in ("before", "after"))
            if not after or all(before.get(part) == after.get(part) for part in self._rows[member]):
                continue  # it could not be read, or it is no rows that were meant
            slow = self._store.reference_digest(member)
            for part in self._rows[member].keys() | slow.keys():
                by_slow = self._rows[member].get(part) != slow.get(part)
                by_fast = before.get(part) != after.get(part)
                if by_slow != by_fast:
                    ways = ("the digest", "the slow way") if by_fast else ("the slow way", "the digest")
                    return f"{member}: {part} has changed by {ways[0]}, and not by {ways[1]}"
        return ""


def _parts(run: Run, when: str, member: str) -> dict[str, Json]:
    events = run.of("digest", when=when, member=member)
    parts = events[-1].data.get("parts") if events else {}
    return dict(parts) if isinstance(parts, Mapping) else {}
