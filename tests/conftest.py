"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from memory import Memory

# A machine that is busy is no finding; and what was found is written down as a test, not kept in a folder.
settings.register_profile(
    "quick", max_examples=50, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")


@pytest.fixture(autouse=True)
def keys_of_nobody(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test makes or believes a key of who runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.delenv("DRILLPROOF_KEY", raising=False)


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test of the harness starts a container engine: one whose stand-in is passed over fails, and drills nothing."""

    def refuse(*_: object) -> None:
        raise AssertionError("a test tried to start a container engine")

    monkeypatch.setattr("harness.clusters.local.ensure_engine", refuse)
    monkeypatch.setattr("harness.clusters.local.find_engine", lambda _: None)  # whatever runs here
    monkeypatch.setattr("harness.clusters.local.require_startable", lambda _: None)


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """Runs whole drills in memory."""
    return Memory(tmp_path / "runs")
