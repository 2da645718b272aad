"""`drillproof selftest`: what it prints, and with which exit code it ends."""

from __future__ import annotations

import json

import pytest

from harness.cli.app import main


@pytest.fixture
def missed(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"way": "live", "store": "mysql", "name": "one row gone", "missed": "all checks passed"}
    monkeypatch.setattr(
        "harness.selftest.runner.in_memory_self_test", lambda: {"noticed": 6, "missed": [one], "seconds": 1.0}
    )


@pytest.mark.usefixtures("missed")
def test_a_missed_mutation_fails_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest"]) == 1
    assert capsys.readouterr().out == (
        "MISSED  live mysql one row gone: all checks passed\n6 mutations detected, 1 missed\n"
    )


@pytest.mark.usefixtures("missed")
def test_scripts_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["missed"][0]["name"] == "one row gone"


def test_nothing_missed_is_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(
        "harness.selftest.runner.in_memory_self_test", lambda: {"noticed": 7, "missed": [], "seconds": 1.0}
    )
    assert main(["selftest"]) == 0
    assert "7 mutations detected, 0 missed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [(["--live", "--stores", "oracle"], "oracle"), (["--stores", "mysql"], "--live")],
)
def test_wrong_usage_is_64(capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    assert main(["selftest", *words]) == 64
    assert says in capsys.readouterr().err
