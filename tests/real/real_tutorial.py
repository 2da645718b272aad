"""The tutorial on an application of one's own, word for word: its commands, in their order, on a real cluster.

    make tutorial

It needs what `make drill` needs, and some five minutes: a drill of one PostgreSQL.
"""

import os
import shutil
import sys
from pathlib import Path

import documents

from harness.core import process
from harness.core.model import Verdict
from harness.evidence import run_view

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial" / "own-postgres.md"
WITHIN_S = 1500.0


def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    steps = [block.text for block in documents.blocks(PAGE) if block.language == "sh"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for step in steps:
        done = process.run(["bash", "-euc", step], cwd=tmp_path, env={"PATH": path}, within_s=WITHIN_S)
        sys.stdout.write(f"{step}{done.stdout}{done.stderr}")
    (run,) = (tmp_path / "reports" / "runs").glob("2*")
    assert run_view.read(run).verdict is Verdict.PASS
    assert "dump" in done.stderr  # the volume that the broken backup lacks
