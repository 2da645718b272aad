"""The self-test notices everything today, and would notice a check that went blind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from harness import checks
from harness.core.errors import HarnessError
from harness.core.model import Finding, Verdict
from harness.core.reason import Reason
from harness.selftest import consul, memory_mutations, mysql, postgres, runner
from harness.selftest.base import Base, outcome
from harness.selftest.in_memory import MemoryStore, World, rehearse
from harness.selftest.journal_mutations import STORIES
from harness.selftest.mutation import Expected, Why
from harness.selftest.tampering import FORGERIES, Forgery

CATALOGUES = {"mysql": mysql.CATALOGUE, "postgres": postgres.CATALOGUE, "consul": consul.CATALOGUE}


def test_every_sabotage_of_a_good_recovery_is_noticed_for_its_own_reason() -> None:
    told = runner.rehearsal()
    assert told["missed"] == []
    assert isinstance(told["noticed"], int)
    assert told["noticed"] > 3 * 25


def test_every_check_is_seen_to_fail() -> None:
    tried = {each.check for each in (*memory_mutations.catalogue("mysql"), *STORIES, *FORGERIES)}
    assert {check.name for check in checks.ALL} <= tried


@pytest.mark.parametrize("store", CATALOGUES)
def test_a_catalogue_has_at_least_25_kinds_with_names_of_their_own(store: str) -> None:
    for catalogue in (memory_mutations.catalogue(store), CATALOGUES[store]):
        assert len(catalogue) >= 25
        assert max(Counter(sabotage.name for sabotage in catalogue).values()) == 1
    assert max(Counter(each.name for each in (*STORIES, *FORGERIES)).values()) == 1


def test_a_check_that_went_blind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.checks.data.differences", lambda _before, _after: [])
    missed = runner.rehearsal()["missed"]
    assert isinstance(missed, list)
    assert {"way": "live", "store": "consul", "name": "one row gone", "missed": "nothing turned red"} in missed


def test_a_recovery_that_is_not_good_cannot_be_spoilt(tmp_path: Path) -> None:
    world = World()
    run = rehearse(tmp_path, world, (MemoryStore("mysql", world),), escaped=1).run
    with pytest.raises(HarnessError, match="not good by itself: PacketEscaped"):
        Base(run, tmp_path / "spoilt")


GONE, LOST, ESCAPED = Reason.RowsMissing, Reason.AcknowledgedWriteLost, Reason.PacketEscaped


def finding(check: str, reason: Reason, *objects: str, verdict: Verdict = Verdict.FAIL, member: str = "a-0") -> Finding:
    return Finding(check, verdict, reason, "any words", "", "a", member, objects)


def caused(reason: Reason, *causes: Reason) -> Finding:
    return Finding("data-equal", Verdict.FAIL, reason, "any words", "", "a", "a-0", ("table user",), causes)


WHY = Why(GONE, "table user")
ROW = Expected(name="a row gone", check="data-equal", why=WHY, member="a-0", also=("ledger-kept",))


@pytest.mark.parametrize(
    ("findings", "missed"),
    [
        ((finding("data-equal", GONE, "table user"),), ""),
        ((finding("data-equal", GONE, "table realm", "table user"),), ""),
        ((caused(Reason.PartMissing, GONE),), ""),
        ((finding("data-equal", GONE, "table user"), finding("ledger-kept", LOST)), ""),
        ((finding("data-equal", GONE, "table user"), finding("fence-held", ESCAPED, verdict=Verdict.PASS)), ""),
        ((), "nothing turned red"),
        ((finding("data-equal", GONE, "table user", verdict=Verdict.PASS),), "nothing turned red"),
        ((finding("ledger-kept", GONE, "table user"),), "wrong check"),
        ((finding("data-equal", GONE, "table realm"),), "wrong reason"),
        ((finding("data-equal", Reason.RowsDiffer, "table user"),), "wrong reason"),
        ((caused(Reason.PartMissing, Reason.RowsDiffer),), "wrong reason"),
        ((finding("data-equal", GONE, "table user", verdict=Verdict.UNKNOWN),), "wrong reason"),
        ((finding("data-equal", GONE, "table user", member="a-1"),), "wrong reason"),
        ((finding("data-equal", GONE, "table user"), finding("fence-held", ESCAPED)), "other checks turned red"),
    ],
)
def test_what_is_noticed_by_the_wrong_check_or_for_the_wrong_reason_is_missed(
    findings: tuple[Finding, ...], missed: str
) -> None:
    seen = ROW.missed(findings)
    assert missed in seen
    assert bool(seen) == bool(missed)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda each: each.name)
def test_every_forgery_can_be_made_of_a_drill_of_one_store(tmp_path: Path, forgery: Forgery) -> None:
    world = World()
    base = Base(rehearse(tmp_path / "runs", world, (MemoryStore("mysql", world),)).run, tmp_path / "spoilt")
    path = base.copy(forgery.name)
    base.tell(path, base.events)
    forgery.forge(path)
    assert outcome("forgery", "", forgery, path).missed == ""
