"""The built-in deployments: `custos` and `custos-shipped`, with three datastores, and `custos-mariadb`."""

from collections.abc import Mapping

from harness.core import resources
from harness.core.choices import choose
from harness.workloads.application import Application
from harness.workloads.consul.adapter import Consul
from harness.workloads.exclusions import EXCLUSIONS
from harness.workloads.keycloak import Keycloak
from harness.workloads.mariadb.adapter import MariaDB
from harness.workloads.mysql.adapter import MySQL
from harness.workloads.postgres.adapter import Postgres

NAMESPACE = "custos"

DATASTORES: Mapping[str, type[MySQL | Postgres | Consul]] = {store.name: store for store in (MySQL, Postgres, Consul)}

CUSTOS = Application(NAMESPACE, resources.fixtures(), tuple(DATASTORES.values()), EXCLUSIONS)
"""The default deployment."""

SHIPPED = Application(
    "custos-shipped",
    resources.fixtures() / "custos-shipped",
    CUSTOS.kinds,
    EXCLUSIONS,
    services=(Keycloak,),
    images=(Keycloak.name,),
)
"""The same stores with the settings of Custos' own charts and values, and Keycloak on PostgreSQL."""

MARIADB = Application(
    "custos-mariadb",
    resources.fixtures(),
    (MariaDB,),
    EXCLUSIONS,
    images=(MariaDB.name,),
)
"""A primary with two replicas of MariaDB, which Custos' services use now."""


def deployment(name: str) -> Application | None:
    """A deployment by its name; None for the default one. Misconfigured."""
    known = {NAMESPACE: None, **{each.namespace: each for each in (SHIPPED, MARIADB)}}
    return known[choose("deployment", name, known)]
