"""Scenario files: the project's own are sound, and a broken one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import data, scenario
from harness.errors import Misconfigured


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
