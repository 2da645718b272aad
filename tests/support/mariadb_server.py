"""Real MariaDB servers on this machine, without a cluster, from the layers of which their images are built."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from harness.clusters.images import versions
from harness.clusters.images.builder import ImageBuilder
from harness.core import process
from harness.core.wait import NotYet, until

LAYERS = ("mariadb-10.11", "mariadb")
ROOT_PASSWORD = "known"  # noqa: S105 # of nothing
ACCOUNTS = (
    "SET timestamp = 1000000000;",  # an account has the time of its password: on each server the same
    "DELETE FROM mysql.global_priv WHERE host <> 'localhost' OR user = '';",
    "FLUSH PRIVILEGES;",
    f"ALTER USER root@localhost IDENTIFIED BY '{ROOT_PASSWORD}';",
    f"CREATE USER root@'%' IDENTIFIED BY '{ROOT_PASSWORD}';",
    "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;",
    f"CREATE USER replication@'%' IDENTIFIED BY '{ROOT_PASSWORD}';",
    "GRANT REPLICATION SLAVE ON *.* TO replication@'%';",
)
TABLES = ("system_tables", "performance_tables", "system_tables_data", "sys_schema")
"""What fills an empty data directory, in this order; after `maria_` or `mysql_` in the names of files."""


@cache
def layer(name: str) -> Path:
    """The unpacked layer; built now if it is not cached."""
    pinned = versions.load()
    builder = ImageBuilder(pinned)
    tar = builder.assemble(pinned.layers[name]).path
    root = Path(tempfile.gettempdir()) / f"drillproof-{name}-{tar.stem}"  # it is 300 MB: kept for the next run
    if not root.exists():
        building = Path(tempfile.mkdtemp(dir=root.parent))
        process.run(["tar", "--extract", f"--file={tar}", f"--directory={building}", "--no-same-owner"], within_s=300)
        building.chmod(0o755)
        building.rename(root)
    return root


def program(root: Path, name: str) -> list[str]:
    """Runs a program of the layer with the layer's own libraries."""
    libraries = root / "usr/lib/x86_64-linux-gnu"
    return [str(root / "usr/lib64/ld-linux-x86-64.so.2"), "--library-path", str(libraries), str(root / name)]


@contextmanager
def running(name: str, *settings: str) -> Iterator[int]:
    """The local port of a new server; user root with `ROOT_PASSWORD`."""
    root = layer(name)
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    own = Path(tempfile.mkdtemp())
    data, share = own / "data", next(each for each in root.glob("usr/share/*/english")).parent
    data.mkdir()
    own.chmod(0o777)
    if os.geteuid() == 0:
        for folder in (own, data):
            shutil.chown(folder, 65534, 65534)
    mariadbd = [
        *program(root, "usr/sbin/mariadbd"),
        *(
            "--no-defaults",
            f"--datadir={data}",
            f"--lc-messages-dir={share}",
            f"--plugin-dir={root}/usr/lib/mysql/plugin",
        ),
        *(
            f"--character-sets-dir={share}/charsets",
            f"--pid-file={own}/pid",
            f"--tmpdir={own}",
            f"--socket={own}/socket",
        ),
        *(["--user=nobody"] if os.geteuid() == 0 else []),
    ]
    _fill(mariadbd, share)
    answering = [*mariadbd, f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve", *settings]

    def answers() -> None:
        try:
            connection(port).close()
        except pymysql.MySQLError as error:
            raise NotYet(str(error)) from error

    try:
        with (own / "log").open("wb") as log, process.spawn(answering, output=log):
            until(answers, waited_for="MariaDB", within_s=60, every_s=0.1)
            yield port
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _fill(mariadbd: Sequence[str], share: Path) -> None:
    found = [next(iter(share.glob(f"*_{table}.sql"))).read_text("utf-8") for table in TABLES]
    lines = ["SET @auth_root_socket = NULL;", "CREATE DATABASE mysql;", "USE mysql;", *found, *ACCOUNTS]
    process.run(
        [*mariadbd, "--bootstrap", "--skip-networking", "--log-warnings=0"], stdin="\n".join(lines) + "\n", within_s=120
    )


def connection(port: int) -> Connection[Cursor]:
    return pymysql.connect(
        host="127.0.0.1", port=port, user="root", password=ROOT_PASSWORD, autocommit=True, charset="utf8mb4"
    )
