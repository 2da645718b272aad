"""The tests that need a cluster find all their fixtures, although the ordinary suite never runs them."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.core import process

ROOT = Path(__file__).parent.parent
NEEDED = ("DRILLPROOF_ADMIN", "DRILLPROOF_CONFIG", "DRILLPROOF_MOVE", "DRILLPROOF_REAL")
"""Without these they are skipped, and nothing of them is looked at."""


def test_every_real_test_finds_its_fixtures() -> None:
    files = map(str, (ROOT / "tests" / "real").glob("real_*.py"))
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--setup-plan", *files]
    process.run(command, cwd=ROOT, env=dict.fromkeys(NEEDED, "none"), within_s=120)
