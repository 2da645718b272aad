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


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """Runs whole drills in memory."""
    return Memory(tmp_path / "runs")
