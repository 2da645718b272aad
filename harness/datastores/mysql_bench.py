"""How long the digest of MySQL's tables takes, beside a plain scan of the same tables by the server itself."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pymysql.cursors import Cursor

from harness.datastores.mysql_digest import rows, tables


@dataclass(frozen=True)
class Seconds:
    """What all tables took together, each at its best."""

    scan: float
    digest: float


def seconds(sql: Cursor, rounds: int = 5) -> Seconds:
    """Each table in turn, alternating, in one session.

    A scan is CHECKSUM TABLE: the server's own reading of every row and column. The best of `rounds` counts, since
    whatever else the machine does can only add to it.
    """
    scans, digests = 0.0, 0.0
    for table in tables(sql):
        if table.name.startswith("information_schema."):  # made up by the server, not scanned
            continue
        taken = []
        for _ in range(rounds):
            begun = time.perf_counter()
            sql.execute("CHECKSUM TABLE `{}`.`{}`".format(*table.name.split(".", 1)))
            sql.fetchall()
            scanned = time.perf_counter()
            rows(sql, table)
            taken.append((scanned - begun, time.perf_counter() - scanned))
        scans += min(scan for scan, _ in taken)
        digests += min(digest for _, digest in taken)
    return Seconds(scans, digests)
