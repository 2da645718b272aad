"""What the digest of a store's rows costs, beside one full scan of them by the store itself; see `*_bench` for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench import consul_bench, mysql_bench, postgres_bench
from bench.timing import Seconds
from harness.workflows.drill.drill import Parts
from harness.workloads.consul.adapter import Consul
from harness.workloads.custos import NAMESPACE
from harness.workloads.mysql.adapter import MySQL
from harness.workloads.postgres.adapter import Postgres

WORST_OF_S = {"worst": 0.001, "worst_from_5_ms": 0.005}
"""The worst table is one whose scan takes at least this long; of smaller ones, only the statement is timed."""


def measure(parts: Parts) -> dict[str, float | str]:
    """By store, of its first member: the seconds of all tables together, their ratio, and that of the worst table."""
    return {
        f"{store.name}_{name}": figure for store in parts.stores for name, figure in figures(_seconds(parts, store))
    }


def figures(tables: Mapping[str, Seconds]) -> Iterator[tuple[str, float | str]]:
    """What the seconds of each table come to."""
    scan_s = sum(table.scan_s for table in tables.values())
    digest_s = sum(table.digest_s for table in tables.values())
    yield from (("scan_s", round(scan_s, 3)), ("digest_s", round(digest_s, 3)))
    yield "digest_ratio", round(digest_s / scan_s, 2)
    for which, least_s in WORST_OF_S.items():
        told = {name: table.ratio for name, table in tables.items() if table.scan_s >= least_s}
        if told:
            worst = max(told, key=told.__getitem__)
            yield from ((f"digest_{which}_ratio", round(told[worst], 2)), (f"digest_{which}", worst))


def _seconds(parts: Parts, store: object) -> Mapping[str, Seconds]:
    match store:
        case MySQL():
            with store.session(store.members[0]) as sql, store.session(store.members[0]) as another:
                return mysql_bench.seconds(sql, another)
        case Postgres():
            with store.session(store.members[0]) as sql:
                return postgres_bench.seconds(sql)
        case Consul():
            token = parts.deployment.credentials[store.name]["management-token"]
            with parts.cluster.forward(NAMESPACE, store.members[0], Consul.port) as address:
                return {"kv": consul_bench.measure(address, token, store.members[0])}
        case _:
            raise TypeError(f"no scan is known for {store}")
