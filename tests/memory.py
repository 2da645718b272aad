"""A whole drill in memory, to be spoilt by tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from harness import rundir
from harness.clock import Clock
from harness.deployment import Deployment
from harness.drill import Drill, Parts
from harness.hooks import Hook
from harness.journal import Journal
from harness.judge import recheck
from harness.ledger import fingerprint
from harness.model import Json
from harness.ports import BackupEngine, Fault
from harness.testing import (
    MemoryCluster,
    MemoryData,
    MemoryEngine,
    MemoryLoss,
    MemoryStore,
    Sabotage,
    SpoiltEngine,
    World,
)

Findings = Mapping[str, Json]


class Memory:
    """Runs drills in memory and judges them."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.path = Path()

    def drill(
        self,
        sabotage: Sabotage | None = None,
        *,
        fault: Callable[[World], Fault] = MemoryLoss,
        hooks: tuple[Hook, ...] = (),
        objectives: Mapping[str, Json] | None = None,
        stores: tuple[str, ...] = ("mysql", "postgres", "consul"),
        escaped: int | None = 0,
        prepare: Sabotage = lambda _: None,
    ) -> dict[str, Json]:
        """One drill; `sabotage` spoils what its restore brings back. Returns findings.json."""
        world = World()
        cluster = MemoryCluster(world)
        members = tuple(MemoryStore(name, world) for name in stores)
        prepare(world)
        engine: BackupEngine = MemoryEngine(world) if sabotage is None else SpoiltEngine(world, sabotage)
        facts: dict[str, Json] = {
            "stores": {store.name: list(store.members) for store in members},
            "objectives": objectives or {"rto_s": 60, "rpo_s": 60},
        }
        self.path = rundir.create(self.runs, "memory_loss", facts)
        journal = Journal(self.path / "journal.jsonl", Clock())
        journal.append("file", name="run.json", sha256=fingerprint(self.path / "run.json"))
        deployment = Deployment(cluster, "custos", "dump", self.runs, {})
        parts = Parts(
            cluster, engine, deployment, members, MemoryData(), fault(world), hooks, dict[str, str](), writes_per_s=400
        )
        Drill(parts, self.path, journal).run()
        if escaped is not None:
            journal.append("fence", stopped=7, escaped=escaped)
        journal.close()
        return self.judge()

    def judge(self) -> dict[str, Json]:
        """Judge the last drill again."""
        document: dict[str, Json] = json.loads(recheck(self.path).read_text())
        return document
