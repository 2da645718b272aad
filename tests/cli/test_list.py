"""`drillproof list` for an application of one's own."""

import json
from pathlib import Path

import pytest

from harness.cli import app as cli

SHOP = str(Path(__file__).parents[2] / "examples" / "application-by-file" / "shop.toml")


def test_an_application_has_the_scenarios_that_need_no_store_of_another_deployment(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["list", "--application", SHOP, "--json"]) == 0
    fits = {each["scenario"]: each["fits"] for each in json.loads(capsys.readouterr().out)}
    assert fits["namespace_loss"]
    assert fits["hook_fails"]
    assert fits["volume_not_opted_in"]
    assert fits["pack_missing"]
    assert not fits["quorum_lost"]
    assert not fits["torn_postgres"]


def test_every_scenario_that_does_not_fit_is_named_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--application", SHOP, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(each["fits"] is not bool(each["why_not"]) for each in rows)
    assert cli.main(["list", "--application", SHOP]) == 0
    shown = capsys.readouterr().out
    assert all(each["scenario"] in shown for each in rows)
