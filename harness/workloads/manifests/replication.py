"""Which databases are one store: a primary and its replicas."""

import re
from collections.abc import Iterable, Sequence

from harness.core.json import items, mapping, text
from harness.core.kubernetes import Object, name_of
from harness.workloads.manifests import inventory
from harness.workloads.manifests.inventory import DetectedDatabase
from harness.workloads.product import matches, vocabulary


def members_of_stores(
    databases: Iterable[DetectedDatabase], objects: Iterable[Object], pods: Iterable[Object]
) -> tuple[tuple[DetectedDatabase, ...], ...]:
    """The members of each store, the primary's first: one StatefulSet each, with those that replicate from it."""
    by_name = {name_of(pod): pod for pod in pods}
    services = [each for each in objects if text(each, "kind") == "Service"]
    sets: dict[tuple[str, str], list[DetectedDatabase]] = {}
    for each in databases:
        sets.setdefault((each.controller, each.database.kind), []).append(each)
    replicas = {key for key, members in sets.items() if _is_replica(members[0], by_name)}
    stores = {key: list(members) for key, members in sets.items() if key not in replicas}
    for key in replicas & sets.keys():
        primary = _primary(sets[key][0], {other: stores[other][0] for other in stores}, by_name, services)
        stores.setdefault(primary or key, []).extend(sets[key])
    return tuple(tuple(stores[key]) for key in sets if key in stores)


def _is_replica(database: DetectedDatabase, pods: dict[str, Object]) -> bool:
    pod = pods[database.database.pod]
    variables = _variables(database, pod)
    modes = [value for name, value in variables.items() if matches(name, "replication", "modes")]
    labels = [text(pod, "metadata", "labels", str(label)) for label in items(vocabulary(), "replication", "labels")]
    for word in (*modes, *labels, _name(database).rpartition("-")[2]):
        if matches(word, "replication", "primary"):
            return False
        if matches(word, "replication", "replica"):
            return True
    return any(matches(name, "replication", "hosts") for name in variables)


def _primary(
    replica: DetectedDatabase,
    stores: dict[tuple[str, str], DetectedDatabase],
    pods: dict[str, Object],
    services: Sequence[Object],
) -> tuple[str, str] | None:
    """The store that a replica follows: the host that it names, else the same name without the role at its end."""
    pod = pods[replica.database.pod]
    variables = _variables(replica, pod)
    hosts = {value.partition(".")[0] for name, value in variables.items() if matches(name, "replication", "hosts")}
    alike = {key: each for key, each in stores.items() if key[1] == replica.database.kind}
    for key, each in alike.items():
        labels = mapping(pods[each.database.pod], "metadata", "labels").items()
        selected = {
            name_of(one)
            for one in services
            if (selector := mapping(one, "spec", "selector")) and selector.items() <= labels
        }
        if hosts & {_name(each), each.database.pod, *selected}:
            return key
    same = [key for key, each in alike.items() if _stem(each) == _stem(replica)]
    return same[0] if len(same) == 1 else next(iter(alike)) if len(alike) == 1 and hosts else None


def _variables(database: DetectedDatabase, pod: Object) -> dict[str, str]:
    where = inventory.container(pod, database.database.container)
    return {text(each, "name"): text(each, "value") for each in items(where, "env")}


def _name(database: DetectedDatabase) -> str:
    return database.controller.rpartition(" ")[2]


def _stem(database: DetectedDatabase) -> str:
    """The name of a StatefulSet without the role at its end: `shop` of `shop-primary`."""
    roles = "|".join(text(vocabulary(), "replication", role) for role in ("replica", "primary"))
    return re.sub(rf"-({roles})$", "", _name(database))
