"""Scenarios whose recovery is bad on purpose, and those with troubles beside the disaster: in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial

import pytest
from excluded_volume import EXCLUSIONS, LeaveOut, left_out
from in_memory import MemoryEngine, MemoryLoss, MemoryStore, World
from judged import count, has
from memory import Memory

from harness.core import timeouts
from harness.core.errors import TimedOut, ToolFailed
from harness.core.model import Event, ExpectedFinding, Objectives, Plan, Row, Stored, ToolReport
from harness.core.ports import Reach, Target
from harness.core.reason import Reason
from harness.core.wait import NotYet
from harness.evidence.run_directory import Run
from harness.workflows.drill.scenario import Scenario, SecondaryFault
from harness.workflows.progress import Progress
from harness.workflows.run_options import Hook
from harness.workloads.deployment import Deployment

LEAKED = ExpectedFinding("fence-held", Reason.PacketEscaped)
RESTORE_FAILED = ExpectedFinding("restore-complete", Reason.RestoreFailed)
DAMAGED = ExpectedFinding("backup-complete", Reason.RepositoryDamaged)


@dataclass(frozen=True)
class Sicken(LeaveOut):
    """A member falls ill, and nobody makes it well."""

    name: str = "sicken"

    def inject(self, target: Target) -> None:
        self.world.members["mysql"]["mysql-1"].healthy = False

    def damage(self, target: Target) -> Mapping[str, str]:
        return {"mysql-1": "is unwell"}

    def undo(self, target: Target) -> None: ...


def test_a_bad_backup_that_is_noticed_passes_and_ends_before_the_disaster(memory: Memory) -> None:
    told = memory.drill(scenario=left_out())
    assert told["verdict"] == "pass"
    assert has(told, "pass", "noticed", "check backup-complete", "VolumeNotBackedUp", "volume dump")
    assert '"step":"break"' not in (memory.path / "journal.jsonl").read_text().replace(" ", "")
    assert "undone" in (memory.path / "journal.jsonl").read_text()


def test_a_bad_backup_that_nobody_notices_fails(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.drill(scenario=left_out())
    monkeypatch.setattr("harness.checks.backup._volumes", lambda *_: ())
    told = memory.judge()
    assert told["verdict"] == "fail"
    assert has(told, "fail", "noticed", "ExpectedFindingMissing", "volume dump")


@pytest.mark.parametrize(
    "notice",
    [
        DAMAGED,
        replace(EXCLUSIONS, store="consul"),
        replace(EXCLUSIONS, member="mysql-1"),
        replace(EXCLUSIONS, objects=("volume data",)),
        replace(EXCLUSIONS, causes=(Reason.DiskFull,)),
        LEAKED,
    ],
)
def test_what_is_noticed_for_another_reason_or_of_another_store_is_not_noticed(
    memory: Memory, notice: ExpectedFinding
) -> None:
    assert memory.drill(scenario=left_out(expected=(notice,)))["verdict"] == "fail"


@pytest.mark.parametrize(
    ("first", "other", "verdict"),
    [
        (EXCLUSIONS, LEAKED, "pass"),
        (LEAKED, EXCLUSIONS, "pass"),
        (RESTORE_FAILED, EXCLUSIONS, "pass"),  # the first cannot tell, as there was no restore
        (LEAKED, DAMAGED, "fail"),
        (LEAKED, RESTORE_FAILED, "unknown"),
        (RESTORE_FAILED, LEAKED, "unknown"),
    ],
)
def test_either_of_two_may_notice_where_luck_decides(
    memory: Memory, first: ExpectedFinding, other: ExpectedFinding, verdict: str
) -> None:
    told = memory.drill(scenario=left_out(expected=(replace(first, otherwise=other),)))
    assert told["verdict"] == verdict, told["findings"]
    assert memory.judge()["verdict"] == verdict  # as run.json says it


def test_who_could_not_tell_has_not_noticed(memory: Memory) -> None:
    told = memory.drill(scenario=left_out(expected=(EXCLUSIONS, RESTORE_FAILED)))
    assert told["verdict"] == "unknown"


def test_a_trouble_that_did_nothing_is_unknown(memory: Memory) -> None:
    assert memory.drill(scenario=left_out(really=False))["verdict"] == "unknown"


def test_a_trouble_beside_the_backup_is_struck_while_the_tool_works(memory: Memory) -> None:
    told = memory.drill(scenario=left_out(beside=True, expected=(EXCLUSIONS,)))
    assert has(told, "pass", "damage-seen", "leave-out")


def test_a_leak_is_a_failure_in_a_drill_of_noticing_too(memory: Memory) -> None:
    assert memory.drill(scenario=left_out(), escaped=1)["verdict"] == "fail"


def test_a_restore_that_the_tool_calls_bad_ends_a_drill_of_noticing(memory: Memory) -> None:
    def failing(world: World) -> Scenario:
        @dataclass(frozen=True)
        class Fail(LeaveOut):
            def inject(self, target: Target) -> None:
                self.world.lost_volumes, self.world.phase = (self.pod,), "PartiallyFailed"

            def undo(self, target: Target) -> None:
                self.world.lost_volumes, self.world.phase = (), "Completed"

        trouble = SecondaryFault(Fail(world), "restore")
        notice = ExpectedFinding("restore-complete", Reason.RestorePartiallyFailed)
        return Scenario(MemoryLoss(world), secondary_faults=(trouble,), expected_findings=(notice,))

    told = memory.drill(scenario=failing)
    assert told["verdict"] == "pass", told["findings"]
    assert '"T9"' not in (memory.path / "journal.jsonl").read_text()


@pytest.mark.parametrize("step", ["backup", "write", "restore"])
def test_a_trouble_that_cannot_be_made_is_no_failed_recovery(memory: Memory, step: str) -> None:
    @dataclass(frozen=True)
    class Never(LeaveOut):
        def inject(self, target: Target) -> None:
            raise TimedOut("its moment", 5, "nothing")

    told = memory.drill(
        scenario=lambda w: Scenario(MemoryLoss(w), secondary_faults=(SecondaryFault(Never(w), step, during=True),))
    )
    assert told["verdict"] == "unknown"
    assert has(told, "unknown", "drill-finished", "DrillInterrupted", f"step {step}")
    assert "leave-out: waited 5 s for its moment" in (memory.path / "journal.jsonl").read_text()


def test_damage_of_the_repository_is_told_while_the_drill_runs() -> None:
    seen = Event(1, 1.0, "", "stored", asdict(Stored(5, 100, ("pack 4f is cut",), checked=True)))
    said: list[str] = []
    Progress(said.append)(seen)
    assert "DAMAGED: pack 4f is cut" in said[0]


def test_a_bucket_is_rewound_to_when_the_backup_was_stored_before_it_is_restored(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Mapping[str, str]] = []

    def rewind(_: object, to: Mapping[str, str]) -> int:
        asked.append(to)
        return 7

    monkeypatch.setattr("harness.workflows.drill.drill.latest_versions", lambda _: {"pack": "v1"})
    monkeypatch.setattr("harness.workflows.drill.drill.rewind", rewind)
    told = memory.drill(scenario=lambda w: Scenario(MemoryLoss(w), plan=Plan(rewind=True)))
    assert told["verdict"] == "pass", told["findings"]
    run = Run(memory.path)
    stored, restored = (next(e for e in run.of("mark") if e.data["mark"] == mark) for mark in ("T1", "T5"))
    (note,) = run.of("note")
    assert asked == [{"pack": "v1"}]
    assert f"7 objects were brought back to {stored.at}" in str(note.data["text"])
    assert note.seq < restored.seq


def test_a_bucket_that_cannot_be_rewound_is_a_failed_recovery(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise ToolFailed(["rewind"], 1, "no")

    monkeypatch.setattr("harness.workflows.drill.drill.latest_versions", lambda _: {})
    monkeypatch.setattr("harness.workflows.drill.drill.rewind", refuse)
    assert memory.drill(scenario=lambda w: Scenario(MemoryLoss(w), plan=Plan(rewind=True)))["verdict"] == "fail"


@dataclass(frozen=True)
class FailRestores:
    """The tool calls what it does bad, until it was taken away again."""

    world: World
    name: str = "fail-restores"
    needs: tuple[str, ...] = ()
    reach: Reach = Reach.TOOL

    def inject(self, target: Target) -> None:
        self.world.phase = "PartiallyFailed"

    def damage(self, target: Target) -> Mapping[str, str]:
        return {"restores": "fail"}

    def undo(self, target: Target) -> None:
        self.world.phase = "Completed"


def struck_twice(world: World, *, again: bool) -> Scenario:
    return Scenario(
        MemoryLoss(world),
        secondary_faults=(SecondaryFault(FailRestores(world), "restore"),),
        plan=Plan(retry_restore=again, delete_namespace_first=False),
    )


def test_a_restore_that_failed_is_asked_for_again_when_the_trouble_is_over(memory: Memory) -> None:
    told = memory.drill(scenario=partial(struck_twice, again=True))
    assert told["verdict"] == "pass", told["findings"]
    names = [str(event.data["name"]) for event in Run(memory.path).of("restore")]
    assert names[1] == f"{names[0]}-2"
    assert len(names) == 2


def test_a_restore_that_failed_and_is_not_asked_for_again_fails(memory: Memory) -> None:
    assert memory.drill(scenario=partial(struck_twice, again=False))["verdict"] == "fail"


def test_restores_that_go_on_failing_are_a_failed_recovery(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.workflows.drill.drill.AGAIN_S", 0.01)
    monkeypatch.setattr(timeouts, "RECOVER_S", 0.05)
    monkeypatch.setattr(FailRestores, "undo", lambda *_: None)
    told = memory.drill(scenario=partial(struck_twice, again=True))
    assert told["verdict"] == "fail"
    assert has(told, "fail", "drill-finished", "RecoveryFailed", "RestorePartiallyFailed")


def test_a_trouble_at_the_read_back_strikes_what_was_recovered_and_is_taken_away(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Late(Sicken):
        def damage(self, target: Target) -> Mapping[str, str]:
            assert self.world.generation > 1, "struck before the restore"
            return super().damage(target)

        def undo(self, target: Target) -> None:
            self.world.members["mysql"]["mysql-1"].healthy = True

    def sickened(world: World) -> Scenario:
        notices = (ExpectedFinding("members-healthy", Reason.MemberUnhealthy, "mysql"),)
        return Scenario(
            MemoryLoss(world), secondary_faults=(SecondaryFault(Late(world), "readback"),), expected_findings=notices
        )

    monkeypatch.setattr("harness.core.timeouts.READ_S", 0.2)
    told = memory.drill(scenario=sickened)
    assert told["verdict"] == "pass", told["findings"]
    assert '"phase":"undone","step":"readback"' in (memory.path / "journal.jsonl").read_text().replace(" ", "")


@dataclass(frozen=True)
class Move(LeaveOut):
    """Members move, and lose nothing; or, where it is not `really` so, a claim becomes another without being lost."""

    name: str = "move"

    def inject(self, target: Target) -> None:
        self.world.generation += not self.really

    def damage(self, target: Target) -> Mapping[str, str]:
        return {"address of mysql-0": "was 1, is 2"}

    def undo(self, target: Target) -> None: ...


@pytest.mark.parametrize(("really", "verdict"), [(True, "pass"), (False, "fail")])
def test_what_lost_no_volume_has_the_volumes_that_it_had(memory: Memory, *, really: bool, verdict: str) -> None:
    told = memory.drill(scenario=lambda w: Scenario(Move(w, really=really), plan=Plan(restore=False)))
    assert told["verdict"] == verdict, told["findings"]
    assert has(told, verdict, "answers-from-restored")


def moving(world: World) -> Scenario:
    return Scenario(Move(world), plan=Plan(move=True))


def test_a_write_to_the_new_cluster_that_shows_in_the_old_one_is_told(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = MemoryStore.ledger

    def joined(old: World, _new: World) -> None:
        def both(store: MemoryStore, member: str) -> Iterator[Row]:
            yield from ledger(store, member)
            if store._world is old:
                yield Row(10**6, "k", "x")

        monkeypatch.setattr(MemoryStore, "ledger", both)

    told = memory.drill(scenario=moving, moved=joined)
    assert told["verdict"] == "fail"
    assert has(told, "fail", "answers-from-restored", "SourceWritten")


def test_a_service_that_moved_leaves_the_old_cluster_as_it_was(memory: Memory) -> None:
    told = memory.drill(scenario=moving)
    assert told["verdict"] == "pass", told["findings"]
    assert count(told, "pass", "answers-from-restored") == 9 + 2  # the members, and all volumes and restarts


def test_only_a_move_gives_new_names() -> None:
    with pytest.raises(ValueError, match="only a move"):
        Plan(namespace="new")
    with pytest.raises(ValueError, match="only a move"):
        Plan(storage_class="fast")
    assert Plan(move=True, namespace="new", storage_class="fast")


def test_hooks_after_a_move_are_told_of_the_new_cluster(memory: Memory) -> None:
    after = (
        Hook("after", "break", "test $KUBECONFIG = memory"),
        Hook("after", "restore", "test $KUBECONFIG = memory-b"),
    )
    told = memory.drill(scenario=moving, hooks=after)
    assert told["verdict"] == "pass", told["findings"]


def unwell(old: World, new: World) -> None:
    old.members["mysql"]["mysql-1"].healthy = False


def gone(old: World, new: World) -> None:
    old.alive = False


@pytest.mark.parametrize(
    ("how", "verdict", "reason"),
    [
        (unwell, "fail", "MemberUnhealthy"),
        (gone, "unknown", "NotRecorded"),
    ],
)
def test_an_old_cluster_that_is_not_what_it_was_is_told(
    memory: Memory, how: Callable[[World, World], None], verdict: str, reason: str
) -> None:
    told = memory.drill(scenario=moving, moved=how)
    assert told["verdict"] == verdict
    assert has(told, verdict, "answers-from-restored", reason)


@pytest.mark.parametrize("mend", [False, True])
def test_a_store_that_can_be_mended_is_where_the_plan_says_so(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, *, mend: bool
) -> None:
    mended: list[str] = []
    monkeypatch.setattr(MemoryStore, "mend", lambda store: mended.append(store.name), raising=False)
    told = memory.drill(scenario=lambda world: Scenario(Move(world), plan=Plan(restore=False, repair_stores=mend)))
    assert told["verdict"] == "pass"
    assert sorted(mended) == (["consul", "mysql", "postgres"] if mend else [])


def test_members_that_do_not_mend_themselves_are_asked_all_the_same(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = itertools.count()

    def once(_: Deployment) -> None:
        if next(asked):  # at first, when it was deployed, all pods were
            raise NotYet("mysql-1 is not ready", (Reason.PodsNotReady,), ("mysql-1",))

    def sick(world: World) -> Scenario:
        why, objectives = (Reason.PodsNotReady,), Objectives(rto_s=0.1)
        notices = (
            ExpectedFinding("members-healthy", Reason.MemberUnhealthy),
            ExpectedFinding("drill-finished", Reason.RecoveryFailed, objects=("mysql-1",), causes=why),
        )
        return Scenario(Sicken(world), plan=Plan(restore=False), expected_findings=notices, objectives=objectives)

    monkeypatch.setattr(Deployment, "ready", once)
    told = memory.drill(scenario=sick)
    assert told["verdict"] == "pass", told["findings"]


def test_where_the_recovery_failed_pods_that_are_not_ready_say_why(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "mysql-1 Running: mysql CrashLoopBackOff, ended with 1 (failed to open snapshot: CRC mismatch)"
    monkeypatch.setattr(Deployment, "not_ready", lambda _: (why,))
    notice = ExpectedFinding("drill-finished", Reason.RecoveryFailed, causes=(Reason.SnapshotCorrupted,))
    objectives = Objectives(rto_s=0.1)
    monkeypatch.setattr("harness.core.timeouts.READ_S", 0.2)
    told = memory.drill(
        scenario=lambda world: Scenario(
            Sicken(world), plan=Plan(restore=False), expected_findings=(notice,), objectives=objectives
        )
    )
    assert told["verdict"] == "pass", told["findings"]


def test_a_restore_is_waited_for_as_long_as_the_objective_allows_and_no_longer(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: object, name: str, backup: str, *, within_s: float) -> ToolReport:
        raise TimedOut(f"Velero's restore {name}", within_s, "phase InProgress", (Reason.RestoreNotFinished,))

    monkeypatch.setattr(MemoryEngine, "restore", never)
    told = memory.drill(scenario=lambda world: Scenario(MemoryLoss(world), objectives=Objectives(rto_s=7)))
    assert told["verdict"] == "fail"
    assert has(told, "fail", "drill-finished", "RecoveryFailed", "RestoreNotFinished")
    assert "waited 7 s for Velero's restore" in (memory.path / "journal.jsonl").read_text()
