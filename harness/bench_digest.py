"""What the digest of a store's rows costs, beside one full scan of them by the store itself; see `*_bench` for each."""

from __future__ import annotations

from harness.assembly import NAMESPACE
from harness.datastores import consul_bench, mysql_bench, postgres_bench
from harness.datastores.consul import PORT, Consul
from harness.datastores.mysql import MySQL
from harness.datastores.postgres import Postgres
from harness.drill import Parts


def measure(parts: Parts) -> dict[str, float]:
    """`<store>_scan_s`, `<store>_digest_s` and their ratio, in one session with the first member of each store."""
    figures: dict[str, float] = {}
    for store in parts.stores:
        scan_s, digest_s = _seconds(parts, store)
        figures |= {
            f"{store.name}_scan_s": round(scan_s, 3),
            f"{store.name}_digest_s": round(digest_s, 3),
            f"{store.name}_digest_ratio": round(digest_s / scan_s, 2),
        }
    return figures


def _seconds(parts: Parts, store: object) -> tuple[float, float]:
    match store:
        case MySQL():
            with store.session(store.members[0]) as sql:
                taken = mysql_bench.seconds(sql)
            return taken.scan, taken.digest
        case Postgres():
            with store.session(store.members[0]) as sql:
                tables = postgres_bench.compared(sql).values()
            return sum(each.scan_s for each in tables), sum(each.digest_s for each in tables)
        case Consul():
            token = parts.deployment.credentials[store.name]["management-token"]
            with parts.cluster.forward(NAMESPACE, store.members[0], PORT) as address:
                timing = consul_bench.measure(address, token, store.members[0], store.members)
            return timing.scan_s, timing.keys_s
        case _:
            raise TypeError(f"no scan is known for {store}")
