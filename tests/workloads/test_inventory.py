"""What is seen in manifests, and the file that is proposed from it: it is refused until somebody has confirmed it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shop

from harness.cli import app as cli
from harness.core.errors import Misconfigured
from harness.workloads.manifests import inventory, render, scaffold
from harness.workloads.manifests.inventory import DetectedDatabase
from harness.workloads.manifests.load import load
from harness.workloads.manifests.render import read
from harness.workloads.manifests.spec import Reference

CACHE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: reports}
spec:
  template:
    spec:
      containers:
        - name: db
          image: postgres:17
          env: [{name: POSTGRES_PASSWORD, value: in-plain-text}, {name: POSTGRES_USER, value: reporter}]
"""


def seen(folder: Path, **texts: str) -> tuple[DetectedDatabase, ...]:
    shop.write(folder, **texts)
    return inventory.databases(read(folder / "manifests", "shop").objects, "shop")


def test_a_database_is_seen_with_how_it_is_opened_copied_and_held(tmp_path: Path) -> None:
    (database,) = seen(tmp_path)
    assert (database.database.kind, database.database.pod, database.controller) == ("mysql", "db-0", "StatefulSet db")
    assert (database.user, database.password, database.databases) == (
        "root",
        Reference("db", "root-password"),
        ("shop",),
    )
    assert (database.copied, database.uncopied) == (("dump",), ("data",))
    assert database.hooks == ("before the copy, in server: /dump.sh",)


def test_every_replica_is_a_pod_and_counts_from_where_its_set_begins(tmp_path: Path) -> None:
    text = shop.DATABASE.replace("replicas: 1", "replicas: 2\n  ordinals: {start: 5}")
    assert [each.database.pod for each in seen(tmp_path, database=text)] == ["db-5", "db-6"]


def test_a_password_is_found_in_a_whole_secret_too(tmp_path: Path) -> None:
    whole = "env:\n            - {name: MYSQL_DATABASE, value: shop}\n            - name: MYSQL_ROOT_PASSWORD\n"
    whole += "              valueFrom: {secretKeyRef: {name: db, key: root-password}}"
    assert whole in shop.DATABASE
    text = shop.DATABASE.replace(whole, "envFrom: [{secretRef: {name: db}}]")
    (database,) = seen(tmp_path, database=text, secret=shop.SECRET.replace("root-password", "MYSQL_ROOT_PASSWORD"))
    assert database.password == Reference("db", "MYSQL_ROOT_PASSWORD")


def test_one_in_plain_text_is_told_by_its_variable_and_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.write(tmp_path, cache=CACHE)
    assert cli.main(["detect", str(tmp_path / "manifests")]) == 0
    out, _ = capsys.readouterr()
    assert "reporter" in out
    assert "(POSTGRES_PASSWORD)" in out
    assert 'not_drilled = ["reports-*"]' in out
    assert "correct-horse" not in out
    assert "in-plain-text" not in out


def test_a_proposal_is_refused_until_it_is_mended_and_confirmed_and_then_drilled(tmp_path: Path) -> None:
    shop.write(tmp_path)
    proposed = tmp_path / "deploy" / "proposed.toml"
    proposed.parent.mkdir()
    assert cli.main(["detect", str(tmp_path / "manifests"), "--namespace", "shop", "--out", str(proposed)]) == 0
    text = proposed.read_text()
    with pytest.raises(Misconfigured, match=r'line 7 still has "\?"'):
        load(proposed)
    proposed.write_text(text.replace('strategy = "?"', 'strategy = "dump"'))
    with pytest.raises(Misconfigured, match="`confirmed = true`"):
        load(proposed)
    proposed.write_text(proposed.read_text().replace("confirmed = false", "confirmed = true"))
    application = load(proposed)
    assert application.stores == ("shop-mysql",)
    assert application.by_manifests
    assert application.by_manifests.passwords == {"shop-mysql": ("db", "root-password")}


@pytest.mark.parametrize(("words", "name"), [(["--namespace", "till"], "till"), ([], "manifests")])
def test_a_charts_release_is_called_as_the_application_that_is_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], name: str
) -> None:
    shop.write(tmp_path, Chart="name: shop")
    (tmp_path / "helm").write_text(f"#!/bin/sh\ncat {tmp_path}/rendered; echo $2 >{tmp_path}/release\n")
    (tmp_path / "helm").chmod(0o755)
    (tmp_path / "rendered").write_text(f"{shop.SECRET}---{shop.DATABASE}")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert (tmp_path / "manifests" / "Chart.yaml").is_file()
    assert cli.main(["detect", str(tmp_path / "manifests"), *words]) == 0
    assert f'name = "{name}"\nnamespace = "{name}"' in capsys.readouterr().out
    assert (tmp_path / "release").read_text() == f"{name}\n"


def test_what_is_not_known_stays_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = shop.DATABASE.replace("- {name: MYSQL_DATABASE, value: shop}", "").replace("MYSQL_ROOT_PASSWORD", "OTHER")
    shop.write(tmp_path, database=text, secret="")
    assert cli.main(["detect", str(tmp_path / "manifests")]) == 0
    out, _ = capsys.readouterr()
    for line in ('namespace = "?"', 'databases = ["?"]', 'password = { secret = "?", key = "?" }', "[[generate]]"):
        assert line in out


def test_the_namespace_is_the_one_that_the_manifests_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop.write(tmp_path, space="apiVersion: v1\nkind: Namespace\nmetadata: {name: prod}")
    assert cli.main(["detect", str(tmp_path / "manifests"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["namespace"] == "prod"
    assert [each["pod"] for each in found["databases"]] == ["db-0"]
    assert found["others"] == ["web-*"]
    assert found["lacking_secrets"] == {}


REFUSED: tuple[tuple[dict[str, str], list[str], str], ...] = (
    ({"database": ""}, [], "no MySQL, MariaDB, PostgreSQL or Consul is detected among web-*"),
    ({}, ["--out", "shop.toml"], "shop.toml"),
    ({}, ["--out", "absent/shop.toml"], "absent/shop.toml"),
    ({}, ["--namespace", "other"], "in the namespace prod"),
)


@pytest.mark.parametrize(("texts", "words", "said"), REFUSED)
def test_what_makes_no_sense_ends_with_64_and_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    texts: dict[str, str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    shop.write(tmp_path, **{"secret": shop.SECRET.replace("{name: db}", "{name: db, namespace: prod}")} | texts)
    assert cli.main(["detect", "manifests", *words]) == 64
    _, err = capsys.readouterr()
    assert said in err
    assert err.count("\n") == 1


def test_a_place_that_is_not_there_is_said() -> None:
    assert cli.main(["detect", "/absent"]) == 64


def test_a_database_that_is_not_judged_is_refused_until_it_is_ignored_on_purpose(tmp_path: Path) -> None:
    ledger = CACHE.replace("postgres:17", "registry.example.com/ledger:3").replace(
        "env:", "ports: [{containerPort: 3306}] #"
    )
    operator = "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: pg}\nspec: {instances: 1}"
    (tmp_path / "crd.yaml").write_text(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        "metadata: {name: clusters.postgresql.cnpg.io}\n"
        "spec: {group: postgresql.cnpg.io, names: {kind: Cluster}, versions: [{name: v1}]}"
    )
    file = shop.FILE.replace("[objectives]", 'install_first = ["crd.yaml"]\n[objectives]')
    path = shop.write(tmp_path, file=file, ledger=ledger, operator=operator)
    with pytest.raises(Misconfigured, match=r"would not judge reports-\*: perhaps MySQL.*Cluster pg: .*CloudNativePG"):
        load(path)
    path.write_text(path.read_text().replace("[objectives]", 'not_drilled = ["reports-*", "Cluster pg"]\n[objectives]'))
    application = load(path)
    assert {"the data of reports-*", "Cluster pg"} <= dict(application.exclusions["application"]).keys()


def test_a_server_may_need_no_password_and_a_generated_secret_may_have_names(tmp_path: Path) -> None:
    file = shop.FILE.replace('password = { secret = "db", key = "root-password" }', "no_password = true")
    file += '[[generate]]\nsecret = "other"\nkeys = ["token"]\nvalues = { user = "till" }\n'
    application = load(shop.write(tmp_path, file=file))
    assert application.by_manifests
    assert application.by_manifests.passwords == {}
    assert application.by_manifests.credentials({}) == {}
    secret, *_ = application.by_manifests.to_deploy({"other": {"token": "generated-1"}})
    assert secret["stringData"] == {"user": "till", "token": "generated-1"}


def test_a_config_map_that_pods_need_and_nobody_has_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = "{name: settings, configMap: {name: till}}, {name: ca, configMap: {name: kube-root-ca.crt}}"
    web = shop.WEB.replace("volumes: [", f"volumes: [{wanted}, ")
    path = shop.write(tmp_path, web=web)
    assert cli.main(["detect", str(tmp_path / "manifests")]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("missing: the ConfigMap")]
    assert told == ["missing: the ConfigMap till, which web-* needs to start, unless something creates it"]
    application = load(path)
    assert application.by_manifests
    assert told[0] in application.by_manifests.summary
    assert cli.main(["detect", str(tmp_path / "manifests"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lacking_config_maps"] == {"till": ["web-*"]}


def test_a_pod_without_a_controller_keeps_its_name_and_is_refused_for_what_it_is(tmp_path: Path) -> None:
    pod = """
apiVersion: v1
kind: Pod
metadata: {name: db}
spec: {containers: [{name: server, image: "mysql:9.7", ports: [{containerPort: 3306}]}]}
"""
    path = shop.write(tmp_path, database=pod, file=shop.FILE.replace("db-0", "db"))
    with pytest.raises(Misconfigured, match=r"db is a Pod without a controller: .* make it a StatefulSet"):
        load(path)
    with pytest.raises(Misconfigured, match=r"it is a Pod without a controller: .* make it a StatefulSet") as refused:
        scaffold.detect("x", render.of_path(tmp_path / "manifests"), "shop")
    assert "new names" not in str(refused.value)
