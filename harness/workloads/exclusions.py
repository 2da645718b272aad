"""Everything that is not compared, and why. Everything else must be equal."""

from collections.abc import Mapping

from harness.workloads import object_digest
from harness.workloads.consul import digest
from harness.workloads.mariadb.catalog import MARIADB, NOT_READ_ALONE
from harness.workloads.mysql import indexes
from harness.workloads.mysql.catalog import MYSQL, Dialect
from harness.workloads.postgres import catalog as postgres_catalog
from harness.workloads.postgres import digest as postgres_digest
from harness.workloads.postgres import indexes as postgres_indexes

Pairs = tuple[tuple[str, str], ...]


def _of(dialect: Dialect) -> Pairs:
    return (
        *((f"{kind}: {name}", why) for kind, name, why in dialect.excluded),
        *dialect.unread.items(),
        *indexes.EXCLUDED,
    )


EXCLUSIONS: Mapping[str, Pairs] = {
    "mysql": _of(MYSQL),
    "mariadb": (*_of(MARIADB), *NOT_READ_ALONE),
    "postgres": (
        *postgres_digest.EXCLUDED,
        *postgres_catalog.EXCLUDED.items(),
        *postgres_indexes.EXCLUDED,
    ),
    "consul": (*digest.UNREAD.items(), *digest.EXCLUDED.items()),
    "objects": object_digest.EXCLUDED,
}
"""By store, and for the namespace's objects: what is excluded, and why."""
