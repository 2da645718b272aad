"""What dies below a drill, and was not killed by it, is named at once: UNKNOWN, and never a bad backup or recovery."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import proving
import pytest
from in_memory import MemoryEngine, MemoryLoss, MemoryStore, World
from memory import Memory
from proving import prove as prove  # noqa: PLC0414 # a fixture

from harness.core import wait
from harness.core.model import Json, ToolReport
from harness.core.ports import Reach, Target
from harness.evidence.run_directory import Run
from harness.workflows.drill.drill import Drill
from harness.workflows.drill.scenario import Scenario, SecondaryFault

BROKEN = {
    "the API server": "ApiServerUnreachable",
    "the object store": "ObjectStoreUnreachable",
    "memory-worker": "NodeNotReady",
}
"""What may die, with the reason that names it."""


@pytest.fixture(autouse=True)
def short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "LOOK_S", 0.2)


def found(document: Mapping[str, Json], check: str) -> list[Mapping[str, Json]]:
    listed = document["findings"]
    assert isinstance(listed, list)
    return [each for each in listed if isinstance(each, dict) and each["check"] == check]


def require_named(document: Mapping[str, Json], reason: str, thing: str, step: str) -> None:
    """The verdict is UNKNOWN, no finding is a FAIL, and what died is named with its reason."""
    assert document["verdict"] == "unknown", document["findings"]
    assert "fail" not in str([each["verdict"] for each in document["findings"]])  # type: ignore[index,union-attr,call-overload]
    ended = found(document, "drill-finished")[0]
    assert ended["reason"] == "DrillInterrupted"
    assert reason in str(ended["causes"])
    assert f"step {step}" in str(ended["objects"])
    assert thing in str(ended["objects"])


def at_step(monkeypatch: pytest.MonkeyPatch, method: str, change: Callable[[Drill], None]) -> None:
    """Do `change` when a drill begins this step."""
    action: Callable[[Drill], None] = getattr(Drill, method)

    def changed(self: Drill) -> None:
        change(self)
        action(self)

    monkeypatch.setattr(Drill, method, changed)


@pytest.mark.parametrize("thing", ["the API server", "the object store", "node-1"])
@pytest.mark.parametrize("when", ["restore", "ready"])
def test_what_dies_under_a_proof_is_named_and_no_backup_is_blamed(
    prove: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, thing: str, when: str
) -> None:
    """The restore ends badly, or the database does not answer, since something below them is gone."""
    world = proving.World(fails=when)
    restore = proving.World.restore

    def dying(self: proving.World, *args: Any, **how: Any) -> ToolReport:  # noqa: ANN401 # as what it stands for
        self.broken.add(thing)
        return restore(self, *args, **how)

    monkeypatch.setattr(proving.World, "restore", dying)
    run = prove(world)
    assert not [each for each in proving.red(run) if each[1] == "fail"]
    ended = next(each for each in proving.red(run) if each[0] == "drill-finished")
    assert {"NodeNotReady" if thing == "node-1" else BROKEN[thing], thing.replace("node-1", "node node-1")} <= ended[2]


@pytest.mark.parametrize("phase", ["PartiallyFailed", "Failed"])
def test_a_bad_restore_on_a_sound_platform_is_still_a_fail(prove: Callable[..., Path], phase: str) -> None:
    assert ("restore-complete", "fail") in {each[:2] for each in proving.red(prove(proving.World(phase=phase)))}


class InWorld:
    """The world of a drill that is about to run."""

    world: World

    def __call__(self, world: World) -> None:
        self.world = world


@pytest.mark.parametrize("step", ["_take_backup", "_write"])
def test_a_namespace_that_vanishes_before_the_restore_is_named_and_no_backup_is_judged(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """It said: no volume of this store is protected, its pods carry no annotation; and that the recovery was bad."""
    seen = InWorld()
    monkeypatch.setattr("harness.core.timeouts.SERVICE_S", 0.3)
    monkeypatch.setattr(MemoryEngine, "protected", lambda *_: ())  # of what is gone, nothing is protected

    def vanish(_: Drill) -> None:
        seen.world.alive = False

    at_step(monkeypatch, step, vanish)
    started = time.monotonic()
    document = memory.drill(prepare=seen)
    require_named(document, "NamespaceMissing", "namespace custos", {"_write": "write"}.get(step, "backup"))
    assert time.monotonic() - started < 20
    assert not Run(memory.path).of("step", step="restore", phase="start")


def test_a_store_of_which_no_member_can_be_read_is_not_backed_up(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_digest(self: MemoryStore, member: str) -> None:
        raise ConnectionRefusedError(f"{member} refused")

    monkeypatch.setattr(MemoryStore, "digest", no_digest)
    document = memory.drill()
    assert document["verdict"] == "unknown"
    assert "step backup" in str(found(document, "drill-finished")[0]["objects"])
    assert not Run(memory.path).of("backup")


@pytest.mark.parametrize("thing", BROKEN)
@pytest.mark.parametrize(("method", "step"), [("_more_writes", "seed"), ("_recover", "restore")])
def test_what_dies_during_a_long_wait_is_named_at_once(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, thing: str, method: str, step: str
) -> None:
    seen = InWorld()

    def die(_: Drill) -> None:
        seen.world.broken.add(thing)
        for state in seen.world.members["mysql"].values():
            state.writable = state.healthy = False

    at_step(monkeypatch, method, die)
    if step == "restore":
        monkeypatch.setattr(MemoryStore, "recover", lambda _: wait.until(never, waited_for="it", within_s=60))
    started = time.monotonic()
    document = memory.drill(prepare=seen, fault=namespace_fault)
    require_named(document, BROKEN[thing], thing, step)
    assert time.monotonic() - started < 20


def never() -> None:
    raise wait.NotYet("nothing")


def namespace_fault(world: World) -> MemoryLoss:
    return MemoryLoss(world, reach=Reach.NAMESPACE)


def test_an_engine_is_named_only_with_what_died_with_it(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that fails says nothing of the engine: as long as nodes and API server answer, the drill goes on."""
    seen = InWorld()

    def die(_: Drill) -> None:
        seen.world.broken.add("the container engine")

    at_step(monkeypatch, "_take_backup", die)
    assert memory.drill(prepare=seen)["verdict"] == "pass"
    seen.world.broken.add("the API server")
    at_step(monkeypatch, "_take_backup", lambda _: seen.world.broken.add("the API server"))
    document = memory.drill(prepare=seen)
    require_named(document, "EngineUnresponsive", "the container engine", "backup")
    require_named(document, "ApiServerUnreachable", "the API server", "backup")


def test_a_hiccup_ends_no_wait(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def silence(*_: object) -> str:
        looks.append(1)
        return "busy" if len(looks) % 2 else ""

    monkeypatch.setattr("in_memory.MemoryCluster.silence", silence)
    until = time.monotonic() + 2

    def slowly(_: MemoryStore) -> None:
        wait.until(lambda: None if time.monotonic() > until else never(), waited_for="it", within_s=60, every_s=0.05)

    monkeypatch.setattr(MemoryStore, "recover", slowly)
    document = memory.drill(fault=namespace_fault)
    assert document["verdict"] == "pass", document["findings"]
    assert len(looks) > 3


def test_a_tool_that_fails_because_its_object_store_died_is_not_blamed(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for method, step in (("backup", "backup"), ("restore", "restore")):
        seen = InWorld()
        with monkeypatch.context() as patch:
            act: Callable[..., ToolReport] = getattr(MemoryEngine, method)

            def failing(
                self: MemoryEngine, *args: str, act: Callable[..., ToolReport] = act, **within: float
            ) -> ToolReport:
                seen.world.broken.add("the object store")  # noqa: B023 # called in this round
                return replace(act(self, *args, **within), phase="PartiallyFailed", errors=3)

            patch.setattr(MemoryEngine, method, failing)
            document = memory.drill(prepare=seen, fault=namespace_fault)
        require_named(document, "ObjectStoreUnreachable", "the object store", step)


@dataclass(frozen=True)
class Kill(MemoryLoss):
    """A fault that kills what is below the drill, as scenarios do."""

    thing: str = ""
    name: str = "Kill"

    def inject(self, target: Target) -> None:
        self.world.broken.add(self.thing)
        super().inject(target)


@pytest.mark.parametrize(
    ("thing", "reach", "verdict"),
    [
        ("memory-worker", Reach.MACHINES, "fail"),
        ("memory-worker", Reach.CLUSTER, "fail"),
        ("memory-worker", None, "fail"),
        ("the object store", Reach.BUCKET, "fail"),
        ("memory-worker", Reach.BUCKET, "unknown"),
        ("memory-worker", Reach.TOOL, "unknown"),
        ("memory-worker", Reach.NAMESPACE, "unknown"),
    ],
)
def test_what_the_scenario_itself_broke_excuses_no_recovery(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, thing: str, reach: Reach | None, verdict: str
) -> None:
    monkeypatch.setattr("harness.core.timeouts.READ_S", 1.5)

    def unwell(world: World) -> None:
        world.members["postgres"]["postgres-2"].healthy = False

    document = memory.drill(unwell, fault=lambda world: Kill(world, reach=reach, thing=thing))  # type: ignore[arg-type]
    assert document["verdict"] == verdict, document["findings"]


def test_a_secondary_fault_excuses_what_it_broke_too(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.core.timeouts.READ_S", 1.5)

    def unwell(world: World) -> None:
        world.members["postgres"]["postgres-2"].healthy = False

    @dataclass(frozen=True)
    class Off(Kill):
        def inject(self, target: Target) -> None:
            self.world.broken.add(self.thing)

        def damage(self, target: Target) -> Mapping[str, str]:
            return {self.thing: "off"}

    def scenario(world: World) -> Scenario:
        off = Off(world, reach=Reach.MACHINES, thing="the object store")
        return Scenario(namespace_fault(world), secondary_faults=(SecondaryFault(off, "restore"),))

    assert memory.drill(unwell, scenario=scenario)["verdict"] == "fail"
