"""The built-in deployments: `custos` and `custos-shipped`, with their three datastores."""

from __future__ import annotations

from collections.abc import Mapping

from harness.core import resources
from harness.core.choices import choose
from harness.workloads.application import Application
from harness.workloads.consul.adapter import Consul
from harness.workloads.exclusions import LEFT_OUT
from harness.workloads.keycloak.login import Keycloak
from harness.workloads.mysql.adapter import MySQL
from harness.workloads.postgres.adapter import Postgres

NAMESPACE = "custos"

DATASTORES: Mapping[str, type[MySQL | Postgres | Consul]] = {store.name: store for store in (MySQL, Postgres, Consul)}


CUSTOS = Application(NAMESPACE, resources.fixtures(), tuple(DATASTORES.values()), LEFT_OUT)
"""What is protected where nobody says otherwise."""

SHIPPED = Application(
    "custos-shipped",
    resources.fixtures() / "custos-shipped",
    CUSTOS.kinds,
    LEFT_OUT,
    services=(Keycloak,),
    images=(Keycloak.name,),
)
"""The same stores with the settings that Custos' own charts and values had, and Keycloak on PostgreSQL."""


def deployment(name: str) -> Application | None:
    """What is protected, by its name; None for the one that it is where nobody says otherwise. Misconfigured."""
    known = {NAMESPACE: None, SHIPPED.namespace: SHIPPED}
    return known[choose("deployment", name, known)]
