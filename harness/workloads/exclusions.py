"""Everything that is not compared, and why. Everything else must be equal."""

from collections.abc import Mapping

from harness.workloads import object_digest
from harness.workloads.consul import digest
from harness.workloads.mysql import catalog, indexes
from harness.workloads.postgres import catalog as postgres_catalog
from harness.workloads.postgres import digest as postgres_digest
from harness.workloads.postgres import indexes as postgres_indexes

Pairs = tuple[tuple[str, str], ...]


EXCLUSIONS: Mapping[str, Pairs] = {
    "mysql": (
        *((f"{kind}: {name}", why) for kind, name, why in catalog.EXCLUDED),
        *catalog.UNREAD.items(),
        *indexes.EXCLUDED,
    ),
    "postgres": (
        *postgres_digest.EXCLUDED,
        *postgres_catalog.EXCLUDED.items(),
        *postgres_indexes.EXCLUDED,
    ),
    "consul": (*digest.UNREAD.items(), *digest.EXCLUDED.items()),
    "objects": object_digest.EXCLUDED,
}
"""By store, and for the namespace's objects: what is excluded, and why."""
