"""On a real cluster: something that no scenario breaks fails under a drill, and the drill's verdict stays true.

    make test-disturbed

It needs what `make drill` needs, and some 25 minutes. Each drill has only Consul: what breaks is the
same for all stores.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from harness.clusters import local
from harness.clusters.kind import KindCluster
from harness.core import process, wait
from harness.core.json import at, items
from harness.core.model import Event
from harness.evidence import journal

NAME = "disturbed"
ROOT = Path(__file__).parent.parent.parent
PAUSE_S = 40.0
VERDICTS = {0: "PASS", 1: "FAIL", 2: "UNKNOWN"}


@dataclass(frozen=True)
class Drill:
    """One in a process of its own, while it runs and afterwards."""

    runs: Path
    pid: int

    @property
    def events(self) -> tuple[Event, ...]:
        found = sorted(self.runs.glob("2*/journal.jsonl"))
        return journal.before_damage(found[-1]) if found else ()

    def mark_s(self, name: str) -> float:
        """When this milestone was reached, on the drill's clock; NotYet."""
        for each in self.events:
            if each.kind == "mark" and each.data["mark"] == name:
                return each.at_s
        raise wait.NotYet(f"no {name}")

    def reach(self, name: str) -> None:
        """Return at this milestone."""
        wait.until(partial(self.mark_s, name), waited_for=name, within_s=600, every_s=0.2)

    def between_s(self, first: str, last: str) -> float:
        return self.mark_s(last) - self.mark_s(first)

    def reasons(self) -> set[str]:
        """Those of all findings that are no PASS, with their causes."""
        found = journal.document(next(self.runs.glob("2*/findings.json")))
        bad = [each for each in items(at(found, "findings")) if at(each, "verdict") != "pass"]
        return {str(at(each, "reason")) for each in bad} | {str(why) for each in bad for why in items(each, "causes")}


@pytest.fixture(scope="module")
def cluster() -> Iterator[KindCluster]:
    found = local.prepare("auto", None, print).cluster(NAME)
    try:
        yield found
    finally:
        found.down()


Run = Callable[[Callable[[Drill], None]], tuple[str, Drill]]


@pytest.fixture
def run(cluster: KindCluster, tmp_path: Path) -> Run:
    """Runs a drill, does something to it meanwhile, and returns its verdict."""

    def run(disturb: Callable[[Drill], None]) -> tuple[str, Drill]:
        words = (
            "run",
            "namespace_loss",
            "--stores=consul",
            f"--cluster={NAME}",
            f"--runs={tmp_path}",
            "--keep",
            "--quiet",
        )
        log = tmp_path / "log"
        with log.open("wb") as output:
            argv = [sys.executable, "-m", "harness.cli", *words]
            with process.spawn(argv, output=output, cwd=ROOT, grace_s=60) as started:
                drill = Drill(tmp_path, started.pid)
                disturb(drill)
                verdict = VERDICTS[started.wait(900)]
        marks = {each.data["mark"]: round(each.at_s, 1) for each in drill.events if each.kind == "mark"}
        sys.stdout.write(f"\n{verdict} {sorted(drill.reasons())} {marks}\n{log.read_text()[-600:]}")
        return verdict, drill

    return run


def let_pass(seconds: float) -> None:
    """Wait: what is tried here is how long something lasts."""
    threading.Event().wait(seconds)


def test_an_object_store_that_dies_is_named_at_once(run: Run, cluster: KindCluster) -> None:
    def kill(drill: Drill) -> None:
        drill.reach("T0")
        cluster.docker("kill", cluster.machines.object_store)

    verdict, drill = run(kill)
    assert verdict == "UNKNOWN"
    assert "ObjectStoreUnreachable" in drill.reasons()
    assert drill.events[-1].at_s - drill.mark_s("T0") < 180


@pytest.mark.parametrize("milestone", ["T0", "T4"])
def test_a_node_that_pauses_never_gives_a_fail(run: Run, cluster: KindCluster, milestone: str) -> None:
    def pause(drill: Drill) -> None:
        drill.reach(milestone)
        worker = f"{NAME}-worker"
        cluster.docker("pause", worker)
        try:
            let_pass(PAUSE_S)
        finally:
            cluster.docker("unpause", worker)

    verdict, drill = run(pause)
    assert verdict in {"PASS", "UNKNOWN"}
    assert verdict == "PASS" or "NodeNotReady" in drill.reasons()
    if verdict == "PASS" and milestone == "T4":
        assert drill.between_s("T4", "T8") > PAUSE_S / 2  # the members of this node came back no sooner


@pytest.mark.parametrize(("milestone", "end"), [("T0", "T1"), ("T4", "T8")])
def test_a_drill_that_is_stopped_for_a_minute_counts_it(run: Run, milestone: str, end: str) -> None:
    def stop(drill: Drill) -> None:
        drill.reach(milestone)
        os.kill(drill.pid, signal.SIGSTOP)
        try:
            let_pass(60)
        finally:
            os.kill(drill.pid, signal.SIGCONT)

    verdict, drill = run(stop)
    assert verdict in {"PASS", "UNKNOWN"}
    if verdict == "PASS":
        assert drill.between_s(milestone, end) >= 60


def test_busy_processes_beside_never_give_a_fail(run: Run) -> None:
    with ExitStack() as busy:
        for _ in range(4):
            busy.enter_context(process.spawn([sys.executable, "-c", "while True: pass"]))
        verdict, _ = run(lambda _: None)
    assert verdict in {"PASS", "UNKNOWN"}


def test_the_tests_of_the_harness_run_beside_a_drill(run: Run, tmp_path: Path) -> None:
    ended: list[int] = []
    beside = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", str(ROOT / "tests")]
    with (tmp_path / "tests.log").open("wb") as output, process.spawn(beside, output=output, cwd=ROOT) as tests:
        verdict, _ = run(lambda _: None)
        ended.append(tests.wait(900))
    sys.stdout.write((tmp_path / "tests.log").read_text()[-300:])
    assert ended == [0]
    assert verdict in {"PASS", "UNKNOWN"}
