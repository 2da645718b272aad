"""A whole drill in memory: it passes when all is well, and not when it is not. What can be spoilt: test_selftest."""

from __future__ import annotations

import pytest
from in_memory import MemoryLoss, MemoryStore, World
from memory import Memory

from harness.checks import judge
from harness.cli import app as cli
from harness.core import wait
from harness.core.errors import Misconfigured
from harness.core.model import Finding, Json, Objectives
from harness.evidence.run_directory import Run
from harness.selftest.in_memory import MemberState
from harness.workflows.drill.scenario import Scenario
from harness.workflows.run_options import Hook, parse_hooks


def checks(findings: dict[str, Json], verdict: str) -> set[str]:
    listed = findings["findings"]
    assert isinstance(listed, list)
    return {str(finding["check"]) for finding in listed if finding["verdict"] == verdict}


def test_a_good_recovery_passes_with_its_figures(memory: Memory) -> None:
    findings = memory.drill()
    assert checks(findings, "fail") == set()
    assert findings["verdict"] == "pass"
    assert isinstance(findings["rto_s"], float)
    assert isinstance(findings["rpo_writes"], int)
    assert findings["rpo_writes"] >= 3 * 20


def replica(world: World) -> MemberState:
    return world.members["postgres"]["postgres-2"]


def one_byte_changed(world: World) -> None:
    rows = replica(world).tables["user"]
    rows[3] = (rows[3][0], str(rows[3][1])[:-1] + "X")


def replica_unwell(world: World) -> None:
    replica(world).healthy = False


def test_our_own_reading_of_the_repository_is_no_part_of_the_backup(memory: Memory) -> None:
    memory.drill()
    run = Run(memory.path)
    (stored,) = (event for event in run.of("mark") if event.data["mark"] == "T1")
    assert run.of("backup")[0].seq < stored.seq < run.of("stored")[0].seq


def test_a_recovery_that_comes_out_spoilt_fails(memory: Memory) -> None:
    findings = memory.drill(one_byte_changed)
    assert findings["verdict"] == "fail"
    assert checks(findings, "fail") == {"data-equal"}


def test_an_unwell_member_is_a_failed_recovery(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.core.timeouts.READ_S", 0.2)
    findings = memory.drill(replica_unwell)
    assert findings["verdict"] == "fail"
    assert checks(findings, "fail") == {"drill-finished", "members-healthy"}
    assert findings["rto_s"] is None


def test_a_member_that_lags_for_a_moment_is_asked_again(memory: Memory) -> None:
    def flaky(world: World) -> None:
        replica(world).flaky = True

    assert checks(memory.drill(flaky), "fail") == set()
    assert checks(memory.drill(prepare=flaky), "unknown") == set()


def test_what_an_unwell_member_holds_is_read_all_the_same(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    def unwell_and_changed(world: World) -> None:
        replica_unwell(world)
        one_byte_changed(world)

    monkeypatch.setattr("harness.core.timeouts.READ_S", 0.2)
    findings = memory.drill(unwell_and_changed)
    assert "data-equal" in checks(findings, "fail")
    assert "table user differs" in str(findings["findings"])


def test_a_recovery_that_never_ends_fails_at_its_objective_and_its_members_are_read(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(store: MemoryStore) -> None:
        def streams() -> None:
            raise wait.NotYet("one standby is ahead of its primary")

        if store.name == "postgres":
            wait.until(streams, waited_for="both standbys", within_s=60)

    monkeypatch.setattr(MemoryStore, "recover", never)
    findings = memory.drill(
        replica_unwell, scenario=lambda world: Scenario(MemoryLoss(world), objectives=Objectives(rto_s=0.3))
    )
    assert findings["verdict"] == "fail"
    assert checks(findings, "fail") == {"drill-finished", "members-healthy"}
    assert "waited 0 s for postgres; last seen: both standbys: one standby is ahead" in str(findings["findings"])


def test_a_fault_without_damage_is_unknown(memory: Memory) -> None:
    findings = memory.drill(fault=lambda world: MemoryLoss(world, really=False))
    assert findings["verdict"] == "unknown"
    assert "damage-seen" in checks(findings, "unknown")


def test_a_survivor_that_answers_is_unknown(memory: Memory) -> None:
    def same_volumes(world: World) -> None:
        world.generation = 1

    findings = memory.drill(same_volumes)
    assert findings["verdict"] == "unknown"
    assert checks(findings, "unknown") == {"answers-from-restored"}


@pytest.mark.parametrize(("escaped", "verdict"), [(1, "fail"), (None, "unknown")])
def test_a_fence_that_leaked_or_was_not_counted_is_not_passed(
    memory: Memory, escaped: int | None, verdict: str
) -> None:
    findings = memory.drill(escaped=escaped)
    assert findings["verdict"] == verdict
    assert checks(findings, verdict) == {"fence-held"}


def test_objectives_that_are_missed_fail(memory: Memory) -> None:
    findings = memory.drill(objectives={"rto_s": 0, "rpo_s": None})
    assert findings["verdict"] == "fail"
    assert checks(findings, "fail") == {"objectives-met"}


def test_hooks_run_at_their_steps_with_their_environment(memory: Memory) -> None:
    findings = memory.drill(hooks=(Hook("after", "restore", 'echo "at $DRILLPROOF_STEP"'),))
    assert findings["verdict"] == "pass"
    assert "at restore" in (memory.path / "journal.jsonl").read_text()


def test_a_failing_hook_is_unknown(memory: Memory) -> None:
    findings = memory.drill(hooks=(Hook("before", "backup", "echo no >&2; exit 3"),))
    assert findings["verdict"] == "unknown"
    assert "exited with 3: no" in (memory.path / "journal.jsonl").read_text()


@pytest.mark.parametrize("text", ["restore", "restore=", "nowhere=true", "=x"])
def test_a_hook_at_no_step_is_misconfigured(text: str) -> None:
    with pytest.raises(Misconfigured, match="readback"):
        parse_hooks([], [text])


def test_a_ledger_that_a_hook_edits_while_it_is_written_is_unknown(memory: Memory) -> None:
    edit = f'sed -i \'1s/\\([0-9a-f]\\)","tick/x","tick/\' {memory.runs}/latest/ledger/mysql.jsonl'
    findings = memory.drill(hooks=(Hook("after", "readback", edit),))
    assert findings["verdict"] == "unknown"
    assert "mysql.jsonl: is not what the drill wrote" in str(findings["findings"])


def test_findings_that_somebody_edited_are_not_reported(memory: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    memory.drill(one_byte_changed)
    assert cli.main(["report", str(memory.path)]) == 1
    file = memory.path / "findings.json"
    file.write_text(file.read_text().replace('"fail"', '"pass"'))
    assert cli.main(["report", str(memory.path)]) == 2
    assert "drillproof recheck" in capsys.readouterr().err


def test_a_report_judges_the_run_once(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    memory.drill()
    judged: list[Run] = []
    judge_run = judge.judge

    def counted(run: Run) -> tuple[Finding, ...]:
        judged.append(run)
        return judge_run(run)

    monkeypatch.setattr(judge, "judge", counted)
    assert cli.main(["report", str(memory.path)]) == 0
    assert [run.path for run in judged] == [memory.path]
