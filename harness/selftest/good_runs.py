"""A good run of each workflow, for the self-test to mutate: good-drill.toml, good-proof.toml, good-migration.toml.

A file has the `scenario`, the `facts` of run.json, and the `events` of the journal. The drill's ledger is real, and its
stores in memory are really read: what an event says to `do` is among the `actions` of `_Drill`.
"""

import copy
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.core import wait
from harness.core.clock import Clock
from harness.core.model import Json, Row
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import LedgerWriter, Ticker, fingerprint
from harness.selftest.in_memory import MemberState, MemoryData, MemoryStore, World
from harness.workflows.drill.readback import Observer

WRITES_PER_S = 400
WRITES_EACH_SIDE = 20
"""Acknowledged writes of every store before the backup, and again between the backup and the fault."""

WITHIN_S = 60.0


def proof(runs: Path) -> Path:
    """A proof that passed, in a new run directory."""
    return _recorded(runs, "proof")


def migration(runs: Path) -> Path:
    """A migration that passed, in a new run directory."""
    return _recorded(runs, "migration")


def drill(runs: Path, world: World, stores: Sequence[MemoryStore]) -> Path:
    """A drill that passed, of all stores of the world, which hold what came back from the backup."""
    return _recorded(runs, "drill", lambda journal: _Drill(world, stores, journal).actions)


class _Drill:
    """What happens to the stores in a drill."""

    def __init__(self, world: World, stores: Sequence[MemoryStore], journal: Journal) -> None:
        run, clock = journal.path.parent, journal.clock
        ticker = Ticker(clock, WRITES_PER_S)
        self._world, self._stores, self._journal = world, stores, journal
        self._observer = observer = Observer(journal, run, stores)
        self._writers = [
            LedgerWriter(each.name, run / "ledger" / f"{each.name}.jsonl", 1, clock, each.writer, ticker=ticker)
            for each in stores
        ]
        self._backup: dict[str, dict[str, MemberState]] = {}
        self.actions: Mapping[str, Callable[[], object]] = {
            "seed": self._seed,
            "write": self._write,
            "write anew": self._write_anew,
            "back up": self._back_up,
            "break": self._break,
            "end the writes": self._end_writes,
            "restore": self._restore,
            "restart": self._restart,
            "read before": lambda: observer.digests("before"),
            "read after": lambda: observer.digests("after"),
            "ask before": lambda: observer.healths("before", within_s=WITHIN_S),
            "ask after": lambda: observer.healths("after", within_s=WITHIN_S),
            "read the writes": observer.survivors,
            "read the indexes": observer.indexes,
            "close": self._close,
        }

    def _seed(self) -> None:
        for store, writer in zip(self._stores, self._writers, strict=True):
            store.seed(MemoryData())
            writer.start()

    def _write(self) -> None:
        goals = [writer.acknowledged + WRITES_EACH_SIDE for writer in self._writers]

        def enough() -> None:
            if any(writer.acknowledged < goal for writer, goal in zip(self._writers, goals, strict=True)):
                raise wait.NotYet("too few")

        wait.until(enough, waited_for="acknowledged writes", within_s=WITHIN_S, every_s=0.02)

    def _back_up(self) -> None:
        with self._world.lock:
            self._backup = copy.deepcopy(self._world.members)

    def _break(self) -> None:
        self._world.alive = False

    def _end_writes(self) -> None:
        for writer in self._writers:
            writer.stop()
        last = [writer.last_acknowledged_s for writer in self._writers if writer.last_acknowledged_s is not None]
        self._journal.append("mark", mark="T2", at_s=max(last))

    def _restore(self) -> None:
        self._world.members, self._world.alive = self._backup, True

    def _write_anew(self) -> None:
        written = [writer.write_one() for writer in self._writers]
        self._journal.mark("T8")
        for store, made in zip(self._stores, written, strict=True):
            seen: list[Json] = [*self._observer.shown_on(store, Row(made.n, made.key, made.value), within_s=WITHIN_S)]
            self._journal.append("write", store=store.name, n=made.n, committed=True, seen_on=seen)

    def _restart(self) -> None:
        pods = [*(member.name for member in self._observer.members), "portal-0"]
        for member, uids in self._world.restart(pods).items():
            self._journal.append("restart", member=member, **uids)

    def _close(self) -> None:
        for writer in self._writers:
            writer.close()
            self._observer.file(writer.path, writer.fingerprint)


def _recorded(
    runs: Path, name: str, actions_of: Callable[[Journal], Mapping[str, Callable[[], object]]] = lambda _: {}
) -> Path:
    file = tomllib.loads((Path(__file__).parent / f"good-{name}.toml").read_text("utf-8"))
    run = run_directory.create(runs, file["scenario"], file["facts"])
    journal = Journal(run / "journal.jsonl", Clock())
    journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
    actions = actions_of(journal)
    for event in file["events"]:
        if "do" in event:
            actions[event["do"]]()
        else:
            journal.append(**event)
    journal.close()
    return run
