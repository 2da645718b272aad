"""A real PostgreSQL server on this machine, without a cluster."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from harness.core import process
from harness.core.wait import NotYet, until

_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")  # a server refuses to run as root


@contextmanager
def running(programs: Path, *settings: str) -> Iterator[int]:
    """The local port of a new server, whose programs are in the folder `programs`; user postgres, no password."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    own = Path(tempfile.mkdtemp())  # another run of pytest closes the folders of all runs
    own.chmod(0o777)
    data, as_nobody = own / "data", _NOBODY if os.geteuid() == 0 else ()
    if as_nobody and not all(folder.stat().st_mode & 0o001 for folder in programs.resolve().parents):  # root's home
        programs = shutil.copytree(programs.parent, own / "server", symlinks=True) / programs.name
    initdb = ("--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--pgdata", data)
    process.run([*as_nobody, programs / "initdb", *initdb])
    options = [word for setting in settings for word in ("-c", setting)]
    server = [*as_nobody, programs / "postgres", "-D", data, "-p", str(port), "-k", "", *options]

    def answers() -> None:
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()
        except psycopg2.OperationalError as error:
            raise NotYet(str(error)) from error

    try:
        with process.spawn(server):
            until(answers, waited_for="PostgreSQL", within_s=30, every_s=0.1)
            yield port
    finally:
        shutil.rmtree(own, ignore_errors=True)
