"""An application by a file: what is made of it, and each thing that is refused in one line before there is a cluster.

A real drill of one: `drillproof run namespace_loss --application examples/application-by-file/shop.toml`.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import shop

from harness.cli import app as cli
from harness.core import kubernetes, process
from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import Object
from harness.core.model import Objectives
from harness.workflows.drill import request
from harness.workloads.application import Application, ManifestApplication
from harness.workloads.manifests import render
from harness.workloads.manifests.load import load

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE, REPLICATED, CHART = (EXAMPLES / f"application-{name}" for name in ("by-file", "replicated", "by-chart"))


def brought(application: Application) -> ManifestApplication:
    assert application.by_manifests is not None
    return application.by_manifests


def deployed(application: Application, kind: str, fresh: Mapping[str, Mapping[str, str]] | None = None) -> Object:
    return next(each for each in brought(application).to_deploy(fresh or {}) if each["kind"] == kind)


# ---------------------------------------------------------------- what is made of it


def test_a_file_and_its_manifests_make_an_application(tmp_path: Path) -> None:
    application = load(shop.write(tmp_path))
    (kind,) = application.kinds
    assert (application.namespace, kind.name, kind.members) == ("shop", "shop-mysql", ("db-0",))
    assert brought(application).credentials({}) == {"shop-mysql": {"password": "correct-horse"}}
    assert brought(application).hidden == {"correct-horse", "till-clerk"}
    assert "correct-horse" not in repr(application)


def test_a_file_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as error:
        load(tmp_path / "no.toml")
    assert str(error.value) == f"{tmp_path / 'no.toml'}: cannot be read: No such file or directory"


def test_what_is_not_compared_is_said_and_so_is_what_nothing_copies(tmp_path: Path) -> None:
    application = load(
        shop.write(tmp_path, database=shop.DATABASE.replace("backup.velero.io/backup-volumes: dump", "x: dump"))
    )
    ((what, why),) = application.exclusions["application"]
    assert (what, bool(why)) == ("the files of web-* in uploads", True)
    assert any("Velero copies NOTHING of it" in line for line in brought(application).summary)
    assert any("one member" in line for line in brought(application).summary)


def test_what_a_fenced_cluster_cannot_do_is_changed_and_told(tmp_path: Path) -> None:
    application = load(shop.write(tmp_path))
    claims = items(deployed(application, "StatefulSet"), "spec", "volumeClaimTemplates")
    assert [text(claim, "spec", "storageClassName") for claim in claims] == ["drill", "drill"]
    (web,) = items(deployed(application, "Deployment"), "spec", "template", "spec", "containers")
    server, exporter = items(deployed(application, "StatefulSet"), "spec", "template", "spec", "containers")
    policies = [text(each, "imagePullPolicy") for each in (web, server, exporter)]
    assert policies == ["IfNotPresent", "", "IfNotPresent"]
    told = " ".join(brought(application).changes)
    assert all(word in told for word in ("gp3 became drill", "not named became drill", "nginx:1", "exporter:latest"))
    assert "mysql:9.7" not in told


def test_a_secret_may_be_made_anew_and_is_deployed_before_all_else(tmp_path: Path) -> None:
    file = shop.FILE + '[[generate]]\nsecret = "db"\nkeys = ["root-password"]\n'
    application = load(shop.write(tmp_path, file=file, secret=""))
    fresh = {"db": {"root-password": "made-for-this-drill"}}
    assert brought(application).credentials(fresh) == {"shop-mysql": {"password": "made-for-this-drill"}}
    first, *_ = brought(application).to_deploy(fresh)
    assert (text(first, "kind"), at(first, "stringData")) == ("Secret", fresh["db"])


def test_secrets_are_read_in_both_their_forms(tmp_path: Path) -> None:
    encoded = base64.b64encode(b"correct-horse").decode()
    secret = shop.SECRET.replace("stringData: {root-password: correct-horse", f"data: {{root-password: {encoded}")
    path = shop.write(tmp_path, secret=secret.replace(", user: till-clerk", ""))
    assert brought(load(path)).credentials({}) == {"shop-mysql": {"password": "correct-horse"}}


def test_the_user_may_come_from_a_secret_too_and_is_no_secret_in_the_evidence(tmp_path: Path) -> None:
    file = shop.FILE.replace("databases", 'user_from = { secret = "db", key = "user" }\ndatabases')
    application = load(shop.write(tmp_path, file=file))
    assert application.kinds[0].server.user == "till-clerk"  # type: ignore[attr-defined] # all kinds of a file have one
    assert brought(application).hidden == {"correct-horse"}


def test_a_date_in_a_manifest_is_text_as_kubernetes_reads_it(tmp_path: Path) -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {since: 2026-11-24}}\n"
    application = load(shop.write(tmp_path, config=config))
    assert at(deployed(application, "ConfigMap"), "metadata", "annotations") == {"since": "2026-11-24"}


def test_a_drill_has_the_files_strategy_and_objectives(tmp_path: Path) -> None:
    application = load(shop.write(tmp_path, file=shop.FILE.replace('"dump"', '"nightly-dump"')))
    (asked,) = request.options(["namespace_loss"], application=application)
    assert (asked.strategy, asked.stores) == ("nightly-dump", ("shop-mysql",))
    assert asked.scenario.objectives == Objectives(rto_s=120, rpo_s=300)


WRONG_WORDS: tuple[tuple[tuple[str, ...], dict[str, str], str], ...] = (
    (("namespace_loss",), {"strategy": "dmup"}, "unknown strategy 'dmup'; did you mean dump"),
    (("rows_deleted",), {}, "rows_deleted .* postgres .* shop-mysql"),
    (("torn_mysql",), {}, "torn_mysql .* mysql .* shop-mysql"),
    (("namespace_loss",), {"size": "medium"}, "--size medium .* shop "),
)


@pytest.mark.parametrize(("names", "words", "said"), WRONG_WORDS)
def test_what_it_cannot_be_drilled_with_is_refused(
    tmp_path: Path, names: tuple[str, ...], words: dict[str, str], said: str
) -> None:
    application = load(shop.write(tmp_path))
    with pytest.raises(Misconfigured, match=said):
        request.options(names, application=application, **words)  # type: ignore[arg-type] # words only


# ---------------------------------------------------------------- what is refused

FILES: tuple[tuple[str, str, str], ...] = (
    ('strategy = "dump"', 'stratgy = "dump"', r"key `strategy` is missing; is it `stratgy`\?"),
    ("[objectives]", "[objectves]", "unknown key `objectves`; did you mean `objectives`"),
    ("rto_s = 120", "rto_s = 0", "objectives: key `rto_s` must be a number of seconds above 0, not 0"),
    ("databases", "databses", "key `databases` is missing"),
    (
        'kind = "mysql"',
        'kind = "mysq"',
        "store 1: key `kind` must be one of mysql, mariadb, postgres, consul, not 'mysq'",
    ),
    ('kind = "mysql"', 'kind = "postgres"', "db-0 is mysql.*postgres: image mysql:9.7"),
    ('["db-0"]', '["db-1"]', r"no pod db-1; .*db-0, web-\*"),
    ('["db-0"]', '["db-0", "db-0"]', "key `members`.*twice"),
    ('["db-0"]', "[]", "key `members` must be a list of strings"),
    (
        'key = "root-password"',
        'key = "root-pasword"',
        "unknown key of the Secret db 'root-pasword'; did you mean root-p",
    ),
    ('secret = "db"', 'secret = "dbs"', "unknown Secret 'dbs'; did you mean db"),
    ('"server"', '"srv"', "the pod db-0 has no container srv; it has server, exporter"),
    ('container = "server"', "", "the pod db-0 .*`container`.*server, exporter"),
    ("databases", 'user = "a"\nuser_from = { secret = "db", key = "user" }\ndatabases', "either `user` or `user_from`"),
    ('manifests = "manifests"', 'manifests = "manifest"', "manifest .*`manifests`"),
    ('manifests = "manifests"', "", "either `manifests` or `chart`"),
    ('manifests = "manifests"', 'chart = "manifests"', "manifests .*Chart.yaml"),
    ('name = "shop"', 'name = "Shop"', "key `name` must .* a-z, 0-9 and -"),
    ('name = "shop"', 'name = "shop"\nconfirmed = false', "`confirmed = true`"),
    ('["shop"]', '["?"]', 'line 14 still has "\\?"'),
    ('["shop"]', '["correct-horse"]', "its password is part of a name in the file"),
    ("[objectives]", 'not_drilled = ["cache-0"]\n[objectives]', "`not_drilled`.*cache-0"),
    (
        "[[store]]",
        '[[generate]]\nsecret = "db"\nkeys = ["x"]\n[[store]]',
        r"Secret db .*\[\[generate\]\]",
    ),
)


@pytest.mark.parametrize(("old", "new", "said"), FILES)
def test_a_file_that_makes_no_sense_is_refused_in_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = shop.FILE.replace(old, new, 1)
    assert file != shop.FILE
    with pytest.raises(Misconfigured, match=said) as error:
        load(shop.write(tmp_path, file=file))
    assert "\n" not in str(error.value)
    assert "correct-horse" not in str(error.value)


PLAIN = shop.DATABASE.replace("{name: MYSQL_DATABASE, value: shop}", "{name: API_TOKEN, value: in-plain-text}")


def test_what_a_variable_gives_away_in_plain_text_is_hidden_too(tmp_path: Path) -> None:
    assert "in-plain-text" in brought(load(shop.write(tmp_path, database=PLAIN))).hidden


MANIFESTS: tuple[tuple[dict[str, str], str], ...] = (
    (
        {"secret": ""},
        r"Secret db \(for shop/db-0\).*\[\[generate\]\]",
    ),
    ({"secret": shop.SECRET.replace("correct-horse", "horse")}, "its password has fewer than 8 characters"),
    ({"secret": shop.SECRET.replace("stringData: {", "data: {x: a, ")}, "`data.x` is not base64"),
    ({"secret": "kind: Secret\nmetadata: {name: db}"}, "not a Kubernetes object: no valid apiVersion, kind or name"),
    ({"secret": "- a\n- b"}, "not a Kubernetes object"),
    ({"secret": "a: [b"}, "secret.yaml .*YAML"),
    ({"again": shop.SECRET}, "Secret db is in again.yaml and in secret.yaml"),
    ({"database": shop.DATABASE.replace("StatefulSet", "Deployment")}, r"no pod db-0; .* db-\*, web-\*"),
    ({"database": shop.DATABASE.replace("mysql:9.7", "mariadb:12")}, "db-0 is mariadb, not mysql"),
    ({"web": shop.WEB.replace("nginx:1", "postgres:17").replace("Deployment", "StatefulSet")}, r"web-0 \(postgres: "),
    ({"other": "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}"}, "Namespace other is in no namespace"),
    ({"other": "apiVersion: v1\nkind: ClusterRole\nmetadata: {name: r}"}, "a backup of shop does not"),
    ({"other": "apiVersion: v1\nkind: Secret\nmetadata: {name: r, namespace: prod}"}, "in the namespace prod"),
    ({"secret": "", "database": "", "web": ""}, "no manifests"),
)


@pytest.mark.parametrize(("texts", "said"), MANIFESTS)
def test_manifests_that_cannot_be_drilled_are_refused_in_one_line(
    tmp_path: Path, texts: dict[str, str], said: str
) -> None:
    path = shop.write(tmp_path, **texts)
    with pytest.raises(Misconfigured, match=said) as error:
        load(path)
    assert "\n" not in str(error.value)


def test_a_pod_whose_name_changes_cannot_be_a_member(tmp_path: Path) -> None:
    path = shop.write(tmp_path, file=shop.FILE.replace('["db-0"]', '["web-*"]'))
    with pytest.raises(Misconfigured, match="Deployment web"):
        load(path)


def test_a_kustomization_or_a_chart_that_nothing_here_can_render_says_how_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shop.write(tmp_path, file=shop.FILE, Chart="name: shop")
    (tmp_path / "manifests" / "kustomization.yaml").write_text("resources: [absent.yaml]")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kubernetes, "cached_program", lambda _: None)
    with pytest.raises(Misconfigured, match=r"kubectl .*`kubectl kustomize .*/manifests > rendered.yaml`"):
        load(path)
    path.write_text(shop.FILE.replace("manifests =", "chart ="))
    with pytest.raises(Misconfigured, match=r"helm .*`helm template shop .*/manifests --namespace=shop > ren"):
        load(path)


def test_what_is_rendered_is_read_and_a_renderer_that_fails_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shop.write(tmp_path, file=shop.FILE.replace("manifests =", "chart ="), Chart="name: shop")
    helm = tmp_path / "bin" / "helm"
    helm.parent.mkdir()
    (tmp_path / "rendered").write_text(f"{shop.SECRET}---{shop.DATABASE}---{shop.WEB}")
    helm.write_text(f'#!/bin/sh\ncat {tmp_path}/rendered; echo "$@" >{tmp_path}/asked\n')
    helm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helm.parent}:/usr/bin:/bin")
    assert load(path).stores == ("shop-mysql",)
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:4] == ["template", "shop", f"{tmp_path}/manifests", "--namespace=shop"]
    # A chart asks for kinds to know which version to write; helm alone knows of no kind without a cluster.
    assert {"--api-versions=policy/v1/PodDisruptionBudget", "--api-versions=v1/Secret"} < set(asked[4:])
    helm.write_text("#!/bin/sh\necho 'Error: no values' >&2; exit 1\n")
    with pytest.raises(Misconfigured, match="cannot be rendered: Error: no values"):
        load(path)


HOOK = """
apiVersion: batch/v1
kind: Job
metadata: {name: %s, annotations: {helm.sh/hook: %s}}
spec: {template: {spec: {containers: [{name: sql, image: "mysql:9.7", command: [mysql]}]}}}
"""


def test_of_helms_hooks_those_of_the_install_are_deployed_and_the_others_are_told(tmp_path: Path) -> None:
    hooks = {"load": '"post-install,post-upgrade"', "drop": "pre-delete", "try": "test"}
    application = load(shop.write(tmp_path, **{name: HOOK % (name, when) for name, when in hooks.items()}))
    jobs = [text(each, "metadata", "name") for each in brought(application).objects if each["kind"] == "Job"]
    assert jobs == ["load"]
    told = [line for line in brought(application).summary if line.startswith("not deployed")]
    assert told == [
        "not deployed: Job drop, which Helm creates at pre-delete",
        "not deployed: Job try, which Helm creates at test",
    ]


def test_the_command_ends_with_64_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop.write(tmp_path, secret="")
    assert cli.main(["run", "namespace_loss", "--application", str(path), "--runs", str(tmp_path / "runs")]) == 64
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert not (tmp_path / "runs").exists()


def test_the_example_with_replicas_names_all_its_members(monkeypatch: pytest.MonkeyPatch) -> None:
    files = ("primary.yaml", "read.yaml")
    monkeypatch.setattr(render, "_kustomized", lambda path: b"---\n".join((path / f).read_bytes() for f in files))
    (kind,) = load(REPLICATED / "shop.toml").kinds
    assert kind.members == ("orders-db-0", "orders-db-read-0", "orders-db-read-1")
    for script in [*REPLICATED.glob("manifests/*.sh"), *CHART.glob("chart/scripts/*.sh")]:
        process.run(["bash", "-n", script])


@pytest.mark.skipif(not shutil.which("helm"), reason="there is no helm here")
def test_the_examples_chart_is_rendered_and_what_only_helm_makes_is_left_out() -> None:
    application = load(CHART / "shop.toml")
    made = sorted(f"{text(each, 'kind')} {text(each, 'metadata', 'name')}" for each in brought(application).objects)
    assert made == [
        *("ConfigMap shop-stock", "Deployment shop-web", "Job shop-load", "Secret shop-stock", "Service shop-stock"),
        *("ServiceAccount shop-stock", "StatefulSet shop-stock"),
    ]


def test_the_examples_file_says_what_its_manifests_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    files = ("mysql.yaml", "postgres.yaml")
    monkeypatch.setattr(render, "_kustomized", lambda path: b"---\n".join((path / f).read_bytes() for f in files))
    application = load(EXAMPLE / "shop.toml")
    assert application.stores == ("shop-mysql", "shop-postgres")
    assert not any("NOTHING" in line for line in brought(application).summary)
    for script in EXAMPLE.glob("manifests/*/*.sh"):
        process.run(["bash", "-n", script])
