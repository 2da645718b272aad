"""Everything that is not compared, and why. Everything else must be equal."""

from __future__ import annotations

from collections.abc import Mapping

from harness.workloads import object_digest
from harness.workloads.consul import digest
from harness.workloads.mysql import catalog, indexes
from harness.workloads.postgres import catalog as postgres_catalog
from harness.workloads.postgres import digest as postgres_digest
from harness.workloads.postgres import indexes as postgres_indexes

Pairs = tuple[tuple[str, str], ...]


def _mysql() -> Pairs:
    ledger = ((catalog.LEDGER, "the drill's own writes; the ledger's checks compare its rows"),)
    accounts = tuple((name, "changed by these writes; `transfers-whole` compares them") for name in catalog.ACCOUNTS)
    catalogs = ((f"{kind}: {name}", why) for kind, name, why in catalog.EXCLUDED)
    return (*ledger, *accounts, *catalogs, *indexes.EXCLUDED)


EXCLUSIONS: Mapping[str, Pairs] = {
    "mysql": _mysql(),
    "postgres": (
        *postgres_digest.EXCLUDED,
        *((f"columns: option {name}", why) for name, why in postgres_catalog.EXCLUDED_OPTIONS),
        *postgres_indexes.EXCLUDED,
    ),
    "consul": tuple(
        (f"{kind}: {name}" if kind else name, why) for kind, pairs in digest.EXCLUDED.items() for name, why in pairs
    ),
    "objects": object_digest.EXCLUDED,
}
"""By store, and for the namespace's objects: what is excluded, and why."""
