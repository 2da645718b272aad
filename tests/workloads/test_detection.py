"""Which pods are databases, and what they cannot start without."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from fakes import RememberedDocker
from nightly import pod

from harness.clusters.kind import KindCluster
from harness.clusters.local import pull_missing
from harness.core.errors import Misconfigured
from harness.core.model import Json
from harness.workflows.proof import assembly
from harness.workloads.detection import databases, full_name, images_of, missing_secrets


def bare(**container: Json) -> dict[str, Any]:
    """A pod with one container, and no fingerprint."""
    meta = {"name": "p-0", "namespace": "shop"}
    return {"metadata": meta, "spec": {"containers": [{"name": "c", **container}]}}


DATABASES: tuple[tuple[dict[str, Json], str], ...] = (
    ({"image": "mysql:9.7"}, "mysql"),
    ({"image": "registry.example:5000/team/mariadb@sha256:aa"}, "mariadb"),
    ({"image": "mariadb:10.11", "args": ["mysqld"], "ports": [{"containerPort": 3306}]}, "mariadb"),
    ({"image": "lscr.io/linuxserver/mariadb:11.4.5"}, "mariadb"),
    ({"image": "docker.io/bitnami/mariadb:12.0.2-debian-12-r0", "ports": [{"containerPort": 3306}]}, "mariadb"),
    ({"image": "own/db:1", "command": ["mariadbd"]}, "mariadb"),
    (
        {"image": "docker.io/library/mysql:9.7", "command": ["bash", "x.sh"], "ports": [{"containerPort": 3306}]},
        "mysql",
    ),
    ({"image": "bitnami/postgresql:17", "ports": [{"containerPort": 5432}]}, "postgres"),
    ({"image": "own/thing:1", "command": ["/usr/lib/postgresql/17/bin/postgres", "-D", "/data"]}, "postgres"),
    ({"image": "hashicorp/consul:1.22.0", "args": ["agent", "-server"]}, "consul"),
)


@pytest.mark.parametrize(("container", "kind"), DATABASES)
def test_a_database_is_known_by_its_image_its_program_or_its_port(container: dict[str, Json], kind: str) -> None:
    (found,) = databases([bare(**container)])
    assert (found.kind, found.key, found.container) == (kind, f"{kind} shop/p-0", "c")
    assert found.why


OTHERS: tuple[dict[str, Json], ...] = (
    {"image": "prom/mysqld-exporter:1"},
    {"image": "pgbouncer/pgbouncer:1", "ports": [{"containerPort": 5432}]},
    {"image": "mysql:9.7", "command": ["sh", "-c", "mysqldump"]},
    {"image": "hashicorp/consul:1.22.0", "command": ["/bin/sh", "/scripts/idle.sh"]},
    {"image": "nginx"},
)


@pytest.mark.parametrize("container", OTHERS)
def test_a_client_or_a_neighbour_is_no_database_and_none_at_all_is_refused(container: dict[str, Json]) -> None:
    with pytest.raises(Misconfigured, match=r"shop/p-0.*--database"):
        databases([bare(**container)])


def test_a_pod_that_takes_the_fingerprint_speaks_for_its_database() -> None:
    helper = bare(image="hashicorp/consul:1.22.0", command=["/bin/sh", "/scripts/idle.sh"])
    helper["metadata"]["annotations"] = {"drillproof.fingerprint": "/dump/fingerprint"}
    (found,) = databases([helper])
    assert (found.kind, found.fingerprint) == ("consul", "/dump/fingerprint")


def test_more_can_be_named_by_hand() -> None:
    found = databases([pod(), bare(image="own:1")], ["postgres=shop/p-0/c"])
    assert [each.key for each in found] == ["mysql shop/db-0", "postgres shop/p-0"]


WRONG = (
    ("oracle=shop/p-0", "KIND.* one of mysql, mariadb, postgres, consul"),
    ("p-0", "write KIND=NAMESPACE/POD"),
    ("mysql=shop/q-0", "shop/q-0.* shop/p-0"),
    ("mysql=shop/p-0/d", "shop/p-0/d.* it has c"),
)


@pytest.mark.parametrize(("word", "said"), WRONG)
def test_one_named_wrong_is_refused(word: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        databases([bare(image="nginx")], [word])


def test_every_secret_that_a_pod_needs_and_the_backup_lacks_is_named() -> None:
    needy = bare(
        image="x",
        env=[
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "env"}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "may-be", "optional": True}}},
        ],
        envFrom=[{"secretRef": {"name": "from"}}, {"configMapRef": {"name": "no-secret"}}],
    )
    needy["spec"]["volumes"] = [{"name": "v", "secret": {"secretName": "volume"}}]
    needy["spec"]["initContainers"] = [{"name": "i", "envFrom": [{"secretRef": {"name": "init"}}]}]
    missing = missing_secrets([needy], {"shop/env", "other/from"})
    assert set(missing) == {f"shop/{name} (for shop/p-0)" for name in ("volume", "init", "from")}


def test_images_are_known_by_their_full_names() -> None:
    names = {
        "postgres": "docker.io/library/postgres:latest",
        "bitnami/redis:7": "docker.io/bitnami/redis:7",
        "localhost:5000/x": "localhost:5000/x:latest",
        "example.org/a/b@sha256:1": "example.org/a/b@sha256:1",
    }
    assert {name: full_name(name) for name in names} == names
    two = bare(image="nginx")
    two["spec"]["initContainers"] = [{"image": "busybox:1"}]
    assert set(images_of([two])) == {"docker.io/library/nginx:latest", "docker.io/library/busybox:1"}


# ---------------------------------------------------------------- images, and a cluster of its own


def test_an_image_that_neither_the_nodes_nor_the_engine_have_is_pulled_or_refused() -> None:
    images = {"docker.io/library/a:1": "shop/p-0", "docker.io/library/b:1": "shop/p-0", "docker.io/library/c:1": "x/y"}
    docker = RememberedDocker(
        answers={"image inspect": "sha256:1"},
        refuses={"image inspect --format={{.Id}} docker.io/library/b:1": "No such image"},
    )
    assert pull_missing(docker, images, ["docker.io/library/a:1"]) == ("docker.io/library/b:1", "docker.io/library/c:1")
    assert docker.did("pull") == [1]
    docker.refuses["pull"] = "no route to host"
    with pytest.raises(Misconfigured, match=r"image docker\.io/library/b:1 \(of shop/p-0\).*no route.*`docker load`"):
        pull_missing(docker, images, ["docker.io/library/a:1"])


@pytest.mark.parametrize("there", [True, False])
def test_a_backup_is_proved_only_on_a_cluster_that_was_not_there(there: bool) -> None:
    cluster = cast("KindCluster", SimpleNamespace(name="c", exists=lambda: there))
    if there:
        with pytest.raises(Misconfigured, match="cluster c "):
            assembly._is_new(cluster)
    else:
        assembly._is_new(cluster)
