"""A whole drill in memory: it passes when all is well, and turns red for its own reason when it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from memory import Memory

from harness.errors import Misconfigured
from harness.hooks import Hook, parse
from harness.model import Json, Row
from harness.testing import MemberState, MemoryLoss, World


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


def one_row_gone(world: World) -> None:
    replica(world).tables["user"].pop()


def one_row_twice(world: World) -> None:
    replica(world).tables["user"].append(replica(world).tables["user"][0])


def two_values_swapped(world: World) -> None:
    rows = replica(world).tables["user"]
    rows[0], rows[1] = (rows[0][0], rows[1][1]), (rows[1][0], rows[0][1])


def one_byte_changed(world: World) -> None:
    rows = replica(world).tables["user"]
    rows[3] = (rows[3][0], str(rows[3][1])[:-1] + "X")


def an_extra_table(world: World) -> None:
    replica(world).tables["stranger"] = []


def a_table_dropped(world: World) -> None:
    del replica(world).tables["realm"]


def replica_empty(world: World) -> None:
    replica(world).tables = {}


def ledger_row_gone(world: World) -> None:
    replica(world).ledger.pop(0)


def ledger_row_altered(world: World) -> None:
    row = replica(world).ledger[0]
    replica(world).ledger[0] = Row(row.n, row.key, row.value + "!")


def ledger_row_twice(world: World) -> None:
    replica(world).ledger.append(replica(world).ledger[0])


def ledger_row_from_nowhere(world: World) -> None:
    replica(world).ledger.append(Row(7, "nobody", "7-nothing"))


def replica_stale(world: World) -> None:
    replica(world).ledger = replica(world).ledger[:-5]


def replica_unwell(world: World) -> None:
    replica(world).healthy = False


def closed_to_writes(world: World) -> None:
    replica(world).writable = False


def tool_says_partially(world: World) -> None:
    world.phase = "PartiallyFailed"


def a_volume_not_restored(world: World) -> None:
    world.lost_volumes = ("mysql-0",)


SABOTAGE: tuple[tuple[Callable[[World], None], str], ...] = (
    (one_row_gone, "data-equal"),
    (one_row_twice, "data-equal"),
    (two_values_swapped, "data-equal"),
    (one_byte_changed, "data-equal"),
    (an_extra_table, "data-equal"),
    (a_table_dropped, "data-equal"),
    (replica_empty, "data-equal"),
    (ledger_row_gone, "ledger-kept"),
    (ledger_row_altered, "ledger-kept"),
    (ledger_row_twice, "ledger-kept"),
    (ledger_row_from_nowhere, "ledger-kept"),
    (replica_stale, "ledger-kept"),
    (closed_to_writes, "new-write"),
    (tool_says_partially, "restore-complete"),
    (a_volume_not_restored, "restore-complete"),
)


@pytest.mark.parametrize(("sabotage", "check"), SABOTAGE, ids=lambda value: getattr(value, "__name__", value))
def test_a_spoilt_recovery_fails_by_the_check_meant_for_it(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[World], None], check: str
) -> None:
    monkeypatch.setattr("harness.deadlines.READ_S", 2)
    findings = memory.drill(sabotage)
    assert findings["verdict"] == "fail"
    assert checks(findings, "fail") == {check}


def test_an_unwell_member_is_a_failed_recovery(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.deadlines.READ_S", 0.2)
    findings = memory.drill(replica_unwell)
    assert findings["verdict"] == "fail"
    assert checks(findings, "fail") == {"drill-finished", "members-healthy"}
    assert findings["rto_s"] is None


def test_a_member_that_lags_for_a_moment_is_asked_again(memory: Memory) -> None:
    def hiccups(world: World) -> None:
        replica(world).hiccups = True

    assert checks(memory.drill(hiccups), "fail") == set()
    assert checks(memory.drill(prepare=hiccups), "unknown") == set()


def test_what_an_unwell_member_holds_is_read_all_the_same(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    def unwell_and_changed(world: World) -> None:
        replica_unwell(world)
        one_byte_changed(world)

    monkeypatch.setattr("harness.deadlines.READ_S", 0.2)
    findings = memory.drill(unwell_and_changed)
    assert "data-equal" in checks(findings, "fail")
    assert "table user differs" in str(findings["findings"])


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
        parse("after", [text])


def test_a_changed_ledger_file_is_unknown(memory: Memory) -> None:
    memory.drill()
    file = memory.path / "ledger" / "mysql.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-2]))
    findings = memory.judge()
    assert findings["verdict"] == "unknown"
    assert "mysql.jsonl" in str(findings["findings"])


def test_a_cut_journal_is_unknown(memory: Memory) -> None:
    memory.drill()
    file = memory.path / "journal.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:30] + lines[31:]))
    assert memory.judge()["verdict"] == "unknown"
    file.write_text("".join(lines[:-1]) + lines[-1][:5])
    findings = memory.judge()
    assert findings["verdict"] == "unknown"
    assert f"journal.jsonl, line {len(lines)}" in str(findings["findings"])


def test_a_changed_run_json_is_unknown(memory: Memory) -> None:
    memory.drill()
    file = memory.path / "run.json"
    file.write_text(file.read_text().replace('"consul-2"', '"consul-1"'))
    assert memory.judge()["verdict"] == "unknown"


def test_a_newer_schema_is_refused(memory: Memory) -> None:
    memory.drill()
    file = memory.path / "journal.jsonl"
    file.write_text(file.read_text().replace('{"schema":1}', '{"schema":2}', 1))
    findings = memory.judge()
    assert findings["verdict"] == "unknown"
    assert "newer" in str(findings["findings"])
