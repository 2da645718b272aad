"""The self-test detects every mutation, and would detect a check that misses one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from in_memory import MemoryStore, World, run_in_memory

from harness import checks
from harness.core.errors import HarnessError
from harness.core.model import ExpectedFinding, Finding, Verdict
from harness.core.reason import Reason
from harness.selftest import catalogue, journal_mutations, memory_mutations, runner
from harness.selftest.baseline import Baseline, outcome
from harness.selftest.mutation import Expected
from harness.selftest.tampering import TAMPERINGS


def test_every_mutation_of_a_good_recovery_is_detected_for_its_own_reason() -> None:
    result = runner.in_memory_self_test()
    assert result["missed"] == []
    assert isinstance(result["noticed"], int)
    assert result["noticed"] >= 243


def test_every_check_has_a_mutation_that_it_must_detect() -> None:
    tried = {
        each.finding.check
        for each in (*memory_mutations.catalogue("mysql"), *journal_mutations.mutations("drill"), *TAMPERINGS)
    }
    assert {check.name for check in checks.ALL} <= tried


def test_no_two_mutations_have_the_same_name() -> None:
    assert max(Counter(each.name for each in memory_mutations.catalogue("mysql")).values()) == 1
    assert max(Counter(each.name for each in (*journal_mutations.mutations("drill"), *TAMPERINGS)).values()) == 1


def test_a_check_that_misses_mutations_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.checks.data.differences", lambda _before, _after: [])
    missed = runner.in_memory_self_test()["missed"]
    assert isinstance(missed, list)
    assert [each for each in missed if each["store"] == "consul" and each["name"] == "one row gone"]


def test_a_recovery_that_did_not_pass_is_refused(tmp_path: Path) -> None:
    world = World()
    run = run_in_memory(tmp_path, world, (MemoryStore("mysql", world),), escaped=1).run
    with pytest.raises(HarnessError, match="PacketEscaped"):
        Baseline(run, tmp_path / "mutated")


GONE, LOST, ESCAPED = Reason.RowsMissing, Reason.AcknowledgedWriteLost, Reason.PacketEscaped


def finding(check: str, reason: Reason, *objects: str, verdict: Verdict = Verdict.FAIL, member: str = "a-0") -> Finding:
    return Finding(check, verdict, reason, "any words", "", "a", member, objects)


def caused(reason: Reason, *causes: Reason) -> Finding:
    return Finding("data-equal", Verdict.FAIL, reason, "any words", "", "a", "a-0", ("table user",), causes)


WANTED = ExpectedFinding("data-equal", GONE, member="a-0", objects=("table user",))
ROW = Expected(name="a row gone", finding=WANTED, also=("ledger-kept",))


@pytest.mark.parametrize(
    ("findings", "missed"),
    [
        ((finding("data-equal", GONE, "table user"),), ""),
        ((finding("data-equal", GONE, "table realm", "table user"),), ""),
        ((caused(Reason.PartMissing, GONE),), ""),
        ((finding("data-equal", GONE, "table user"), finding("ledger-kept", LOST)), ""),
        ((finding("data-equal", GONE, "table user"), finding("fence-held", ESCAPED, verdict=Verdict.PASS)), ""),
        ((), "passed"),
        ((finding("data-equal", GONE, "table user", verdict=Verdict.PASS),), "passed"),
        ((finding("ledger-kept", GONE, "table user"),), "missing"),
        ((finding("data-equal", GONE, "table realm"),), "missing"),
        ((finding("data-equal", Reason.RowsDiffer, "table user"),), "missing"),
        ((caused(Reason.PartMissing, Reason.RowsDiffer),), "missing"),
        ((finding("data-equal", GONE, "table user", verdict=Verdict.UNKNOWN),), "missing"),
        ((finding("data-equal", GONE, "table user", member="a-1"),), "missing"),
        ((finding("data-equal", GONE, "table user"), finding("fence-held", ESCAPED)), "fence-held"),
    ],
)
def test_a_mutation_detected_by_another_check_or_for_another_reason_is_missed(
    findings: tuple[Finding, ...], missed: str
) -> None:
    seen = ROW.missed(findings)
    assert missed in seen
    assert bool(seen) == bool(missed)


def test_every_tampering_is_detected_in_a_drill_of_one_store(tmp_path: Path) -> None:
    world = World()
    base = Baseline(run_in_memory(tmp_path / "runs", world, (MemoryStore("mysql", world),)).run, tmp_path / "mutated")
    missed = {}
    for tampering in TAMPERINGS:
        path = base.copy(tampering.name)
        base.write_journal(path, base.events)
        tampering.edit(path)
        missed[tampering.name] = outcome("tampering", "", tampering, path).missed
    assert {name: why for name, why in missed.items() if why} == {}


def test_a_drill_without_what_not_every_drill_has_detects_all_other_mutations(tmp_path: Path) -> None:
    """As the live self-test's: with no definition of the user's and no service to log in to."""
    world = World()
    stores = tuple(MemoryStore(name, world) for name in catalogue.STORES)
    base = Baseline(run_in_memory(tmp_path / "runs", world, stores).run, tmp_path / "mutated")
    outcomes = tuple(runner.evidence_outcomes(base, tamperings=()))
    assert [each for each in outcomes if each.missed] == []
    assert len(outcomes) > 75


def test_every_mutation_in_memory_has_one_change() -> None:
    in_code = Counter((*memory_mutations.USER_ROWS, *memory_mutations.LEDGERS, *memory_mutations.CHANGES))
    for name, entry in memory_mutations._entries().items():
        assert in_code.pop(name, 0) + len(entry.keys() & {"set", "defined", "undefined", "paid"}) == 1, name
    assert not in_code
