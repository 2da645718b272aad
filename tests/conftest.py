"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from memory import Memory


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """Runs whole drills in memory."""
    return Memory(tmp_path / "runs")
