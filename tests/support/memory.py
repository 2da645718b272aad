"""A whole drill in memory, which tests change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from in_memory import MemoryLoss, MemoryStore, MutatingEngine, World, WorldChange, run_in_memory

from harness.checks.judge import recheck
from harness.core.model import Json
from harness.core.ports import Fault
from harness.workflows.drill.scenario import Scenario
from harness.workflows.run_options import Hook

Findings = Mapping[str, Json]


class Memory:
    """Runs drills in memory and judges them."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.path = Path()

    def drill(
        self,
        change: WorldChange | None = None,
        *,
        fault: Callable[[World], Fault] = MemoryLoss,
        scenario: Callable[[World], Scenario] | None = None,
        hooks: tuple[Hook, ...] = (),
        objectives: Mapping[str, Json] | None = None,
        stores: tuple[str, ...] = ("mysql", "postgres", "consul"),
        escaped: int | None = 0,
        prepare: WorldChange = lambda _: None,
        moved: Callable[[World, World], None] = lambda *_: None,
        about: Mapping[str, Json] | None = None,
    ) -> dict[str, Json]:
        """One drill; `change` is done after its restore. Returns findings.json."""
        world = World()
        members = tuple(MemoryStore(name, world) for name in stores)
        prepare(world)
        self.path = run_in_memory(
            self.runs,
            world,
            members,
            engine=None if change is None else MutatingEngine(world, change),
            scenario=scenario(world) if scenario else Scenario(fault(world)),
            hooks=hooks,
            objectives=objectives,
            escaped=escaped,
            moved=lambda other: moved(world, other),
            about=about,
        ).run
        return self.judge()

    def judge(self) -> dict[str, Json]:
        """Judge the last drill again."""
        document: dict[str, Json] = json.loads(recheck(self.path).read_text())
        return document
