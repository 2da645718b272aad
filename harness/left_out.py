"""What is not compared, and why, of everything in one place. All else must be equal."""

from __future__ import annotations

from collections.abc import Mapping

from harness import objects
from harness.datastores import (
    consul_digest,
    mysql_catalog,
    mysql_indexes,
    postgres_catalog,
    postgres_digest,
    postgres_indexes,
)

Pairs = tuple[tuple[str, str], ...]


def _mysql() -> Pairs:
    ledger = ((mysql_catalog.LEDGER, "the drill's own writes; the ledger's checks judge its rows"),)
    accounts = tuple(
        (name, "what these writes move; `transfers-whole` judges its rows") for name in mysql_catalog.ACCOUNTS
    )
    catalogs = ((f"{kind}: {name}", why) for kind, name, why in mysql_catalog.EXCLUDED)
    return (*ledger, *accounts, *catalogs, *mysql_indexes.EXCLUDED)


def _consul() -> Pairs:
    by_kind = {
        "": consul_digest.EXCLUDED_AT_ALL,
        "every row: ": consul_digest.EXCLUDED,
        "our servers: ": consul_digest.EXCLUDED_OF_SERVERS,
        "their checks: ": consul_digest.EXCLUDED_OF_THEIR_CHECKS,
        "peerings: ": consul_digest.EXCLUDED_OF_PEERINGS,
        "own settings: ": consul_digest.EXCLUDED_SETTINGS,
    }
    return tuple((kind + name, why) for kind, listed in by_kind.items() for name, why in listed)


LEFT_OUT: Mapping[str, Pairs] = {
    "mysql": _mysql(),
    "postgres": (
        *postgres_digest.EXCLUDED,
        *((f"columns: option {name}", why) for name, why in postgres_catalog.EXCLUDED_OPTIONS),
        *postgres_indexes.EXCLUDED,
    ),
    "consul": _consul(),
    "objects": objects.EXCLUDED,
}
"""By store, and for the objects of the namespace: what, and why."""
