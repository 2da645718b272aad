"""Runs the scripts by which databases report what they hold."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import postgres_server
import pytest

from harness.core import process, resources

SCRIPTS = resources.fixtures() / "prove"


def ask(programs: Path, *words: str, script: str = "consul", **env: str) -> str:
    """As `kubectl exec` does it: the script comes by standard input."""
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    text = (SCRIPTS / f"{script}.sh").read_text()
    return process.run(["sh", "-s", *words], stdin=text, env={"PATH": path, **env}).stdout


@pytest.fixture
def postgres() -> Iterator[Callable[[str], str]]:
    """A real server, if one is installed here: runs SQL in it, and is asked by its script."""
    if not (found := shutil.which("initdb")) or not shutil.which("psql"):
        pytest.skip("no PostgreSQL is installed here")
    with postgres_server.running(Path(found).parent) as port:
        os.environ["PGPORT"] = str(port)

        def sql(statement: str) -> str:
            words = ("-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-U", "postgres", "-v", "ON_ERROR_STOP=1")
            return process.run(["psql", *words], stdin=statement).stdout

        try:
            yield sql
        finally:
            del os.environ["PGPORT"]
