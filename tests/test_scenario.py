"""Scenario files: the project's own are sound, and a broken one is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import data, scenario
from harness.checks import ALL
from harness.errors import Misconfigured
from harness.model import Objectives


def test_our_own_scenarios_load_with_their_stories() -> None:
    found = scenario.load(data.scenarios())
    assert "namespace_loss" in found
    for name, each in found.items():
        assert each.name == name
        assert len(each.summary) > 40
        assert set(each.stores) <= set(scenario.STORES)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('"""A story."""\n', "SCENARIO"),
        ("import nowhere_at_all\n", "nowhere_at_all"),
        ("def broken(:\n", "SyntaxError"),
    ],
)
def test_a_broken_scenario_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "odd.py").write_text(text)
    with pytest.raises(Misconfigured, match=says) as refused:
        scenario.load(tmp_path)
    assert "odd.py" in str(refused.value)


OURS = scenario.load(data.scenarios())


@pytest.mark.parametrize("name", OURS)
def test_our_own_scenarios_make_sense(name: str) -> None:
    each = OURS[name]
    checks = {check.name for check in ALL}
    assert each.faults, "nothing breaks"
    names = [fault.name for fault in each.faults]
    assert len(set(names)) == len(names), "two faults of one name cannot be told apart in the journal"
    assert {store for fault in each.faults for store in fault.needs} <= set(each.stores)
    assert all(trouble.step in {"seed", "backup", "write", "restore"} for trouble in each.troubles)
    for notice in each.noticed_by:
        assert notice.check in checks
        assert re.compile(notice.saying)
        assert notice.store in {"", *each.stores}
    assert each.noticed_by or (each.fault and each.objectives != Objectives()), (
        "it recovers, and nothing is asked of it"
    )
    assert each.noticed_by or each.plan.restore or each.objectives.rpo_s == 0


def test_one_scenario_is_the_default() -> None:
    assert [name for name, each in OURS.items() if each.default] == ["namespace_loss"]
