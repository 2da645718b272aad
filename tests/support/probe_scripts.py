"""Runs the scripts by which databases report what they hold."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness.core import process, resources
from harness.core.wait import until

SCRIPTS = resources.fixtures() / "prove"


def ask(programs: Path, *words: str, script: str = "consul", **env: str) -> str:
    """As `kubectl exec` does it: the script comes by standard input."""
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    text = (SCRIPTS / f"{script}.sh").read_text()
    return process.run(["sh", "-s", *words], stdin=text, env={"PATH": path, **env}).stdout


@pytest.fixture
def postgres() -> Iterator[Callable[[str], str]]:
    """A real server, if one is installed here: runs SQL in it, and is asked by its script."""
    if not shutil.which("initdb") or not shutil.which("postgres"):
        pytest.skip("no PostgreSQL is installed here")
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    own = Path(tempfile.mkdtemp())  # another run of pytest closes the folders of all runs
    own.chmod(0o777)  # the server refuses to run as root
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if os.geteuid() == 0 else ()
    home = own / "data"
    process.run([*nobody, "initdb", "--username=postgres", "--auth=trust", "--no-sync", "--pgdata", home])
    server = ("postgres", "-D", home, "-p", port, "-k", "", "-F")

    def sql(statement: str) -> str:
        words = ("-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-v", "ON_ERROR_STOP=1")
        return process.run(["psql", *words], stdin=statement, env={"PGPORT": port}).stdout

    with process.spawn([*nobody, *server]):
        until(lambda: sql("SELECT 1"), waited_for="PostgreSQL", within_s=30, every_s=0.1)
        os.environ["PGPORT"] = port
        try:
            yield sql
        finally:
            del os.environ["PGPORT"]
    shutil.rmtree(own, ignore_errors=True)
