"""Pods that look like databases and are not judged: nothing that may hold data is passed over in silence."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from harness.core.json import at, items, text
from harness.core.kubernetes import Object, address, claims_of
from harness.core.model import Json
from harness.workloads.detection import ANNOTATION, PORTS, Database

_OURS = {
    "mysql": re.compile(r"(?<![a-z])(mysql|mariadb|percona)"),
    "postgres": re.compile(r"(?<![a-z])(postgres|pgvector|postgis|timescale|spilo|patroni|citus|edb)"),
    "consul": re.compile(r"(?<![a-z])consul"),
}
_OTHERS = re.compile(
    r"(?<![a-z])(mongo|redis|valkey|keydb|cassandra|scylla|elasticsearch|opensearch|clickhouse|couch|influx|neo4j|etcd"
    r"|cockroach|mssql|oracle|qdrant|milvus|weaviate|arangodb|ferretdb|surrealdb|db2|tidb|tikv|yugabyte)"
)
"""Names of databases in images. The first ones drillproof can read; the others hold data only if they have a volume."""

_TOOLS = re.compile(
    r"exporter|operator|backup|proxy|client|admin|agent|bouncer|pgpool|commander|insight|express|router|k8s|shell|sentinel"
)
_CLIENTS = re.compile(
    r"\b(sleep|mysqldump|mysqladmin|mariadb-dump|pg_dump|pg_dumpall|pg_isready|psql|wal-g|pgbackrest)\b"
)
_PATHS = re.compile(r"/(var/lib|bitnami|opt|home)/(mysql|mariadb|postgres\w*|pgsql|consul)\b|/pgdata\b")


def unjudged(pods: Iterable[Object], databases: Collection[Database]) -> dict[str, str]:
    """Every pod with a container that looks like a database and is none of `databases`: how it looks like one."""
    found: dict[str, str] = {}
    for pod in pods:
        mine = [each for each in databases if each.place == address(pod)]
        why = [
            f"{text(each, 'image')} in container {text(each, 'name')}: {sign}"
            for each in items(pod, "spec", "containers")
            if text(each, "name") not in {one.container for one in mine}
            # Beside a server, its own image runs a client, and an agent of Consul may be beside any server.
            and (sign := next(_signs(pod, each, {"consul", *(one.kind for one in mine)} if mine else set()), ""))
        ]
        if text(pod, "metadata", "annotations", ANNOTATION) and not mine:
            why.insert(0, "it takes a fingerprint")
        if why:
            found[address(pod)] = "; ".join(why)
    return found


def _signs(pod: Object, container: Json, beside: Collection[str]) -> Iterator[str]:
    """What makes a container look like a database server, other than of the kinds `beside` it."""
    image = text(container, "image").partition("@")[0].rsplit("/", 1)[-1].partition(":")[0].lower()
    words = " ".join(map(str, (*items(container, "command"), *items(container, "args"))))
    if _TOOLS.search(image) or _CLIENTS.search(words):
        return
    for kind, names in _OURS.items():
        if kind not in beside and names.search(image):
            yield f"an image of {kind}"
    if claims_of(pod) and (other := _OTHERS.search(image)):
        yield f"an image of {other[0]}"
    for port in items(container, "ports"):
        if any(at(port, "containerPort") == number for kind, number in PORTS.items() if kind not in beside):
            yield f"the port {text(port, 'containerPort')}"
    for mount in items(container, "volumeMounts"):
        if not beside and _PATHS.search(text(mount, "mountPath")):
            yield f"a volume at {text(mount, 'mountPath')}"
