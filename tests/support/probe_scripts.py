"""Runs the scripts by which databases report what they hold."""

from __future__ import annotations

import os
from pathlib import Path

from harness.core import process, resources

SCRIPTS = resources.fixtures() / "prove"


def ask(programs: Path, *words: str, script: str = "consul", **env: str) -> str:
    """As `kubectl exec` does it: the script comes by standard input."""
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    text = (SCRIPTS / f"{script}.sh").read_text()
    return process.run(["sh", "-s", *words], stdin=text, env={"PATH": path, **env}).stdout
