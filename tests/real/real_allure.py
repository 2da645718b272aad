"""Allure's real generator makes a page of a drill that passed, one that failed and one that could not be judged.

Not among `make test`: it needs what `make report` installs (Node.js). Run by `make test-real`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sample_runs

from harness import reports
from harness.core import process

ALLURE = Path(__file__).parents[2] / "reports" / "allure"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder as reports/allure, with a page of three runs in it."""
    home, runs = tmp_path / "allure", []
    home.mkdir()
    shutil.copy(ALLURE / "allurerc.mjs", home)
    for n, sample in enumerate((sample_runs.passed, sample_runs.failed, sample_runs.broken_off)):
        run = tmp_path / f"2026010{n}T000000Z-drill"
        sample(run)
        facts = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps({**facts, "engine": f"engine-{n}"}))  # three drills, not one thrice
        reports.render(run)
        runs.append(run / "allure-results")
    for _ in range(2):
        process.run([ALLURE / "node_modules/.bin/allure", "generate", "--cwd", home, *runs], cwd=home, within_s=120)
    return home


def test_three_verdicts_are_three_statuses_and_each_build_is_history(built: Path) -> None:
    assert (built / "html" / "index.html").stat().st_size > 1_000_000
    builds = [json.loads(line) for line in (built / "history.jsonl").read_text().splitlines()]
    assert len(builds) == 2
    statuses = sorted(each["status"] for each in builds[-1]["testResults"].values())
    assert statuses == ["broken", "failed", "passed"]
