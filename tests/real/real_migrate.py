"""By hand, on two real clusters of one node each: accounts with the rights in clusters/migrate/ migrate an application.

    DRILLPROOF_MOVE=NAME pytest -n 0 tests/real/real_migrate.py

The clusters are NAME and NAME-b; with DRILLPROOF_KEEP they are left standing, and taken over the next time. Moved is
the shop of examples/application-by-file, with a till that writes, a yearly job, a journal that follows PostgreSQL.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from existing_cluster import Lacks, elsewhere, listing

from harness.cli import app as cli
from harness.clusters import kind, local
from harness.clusters.kind import KindCluster
from harness.clusters.network import Network
from harness.core import resources
from harness.core.errors import ToolFailed
from harness.core.json import integer, text
from harness.core.kubernetes import Kubectl, condition, find_kubectl, objects
from harness.core.model import Json
from harness.core.wait import NotYet, until
from harness.workflows.migration.quiesce import WAS

NAME, KEEP = os.environ.get("DRILLPROOF_MOVE", ""), bool(os.environ.get("DRILLPROOF_KEEP"))
FILES = {
    context: resources.clusters() / "migrate" / f"{end}.yaml"
    for context, end in (("prod", "source"), ("new", "target"))
}
SHOP = Path(__file__).parents[2] / "examples" / "application-by-file" / "manifests"
MORE = Path(__file__).parent / "shop_moved.yaml"
WRITERS = ("--writer", "deployment/till", "--writer", "cronjob/inventory")

pytestmark = pytest.mark.skipif(not NAME, reason="makes two clusters: see above")


@dataclass(frozen=True)
class At:
    """One role, but for one of its rules, on the cluster of a context."""

    context: str
    lacks: Lacks

    def __str__(self) -> str:
        return f"{self.context}: {self.lacks}"


def roles(context: str) -> list[Mapping[str, Any]]:
    every = yaml.safe_load_all(FILES[context].read_text())
    return [each for each in every if each["kind"] in {"ClusterRole", "Role"}]


SINGLE = [At(end, Lacks(role, rule)) for end in FILES for role in roles(end) for rule in role["rules"]]


# ---------------------------------------------------------------- what is there


@pytest.fixture(scope="module")
def admins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Kubectl]]:
    """Both clusters, as their administrator, by the contexts that they are called by: Velero on both, one bucket."""
    folder = tmp_path_factory.mktemp("topology") / "clusters"
    shutil.copytree(resources.clusters(), folder, ignore=shutil.ignore_patterns("images"))
    topology = folder / "kind.yaml"
    topology.write_text(topology.read_text().partition("  - role: worker")[0])
    found = local.prepare("auto", None, print)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "NODES", kind.NODES[:1])
        one, other = (
            KindCluster(name, found.docker, found.ready, network=Network(found.docker, NAME), topology=folder)
            for name in (NAME, f"{NAME}-b")
        )
        try:
            for each in (one, other):
                each.up()
                found.backup_engine(each, "restic", NAME).install()
            yield {"prod": one.kubectl, "new": other.kubectl}
        finally:
            for each in (other, one):
                if KEEP:
                    each.release()
                else:
                    each.down(keep_store=each is other)


@pytest.fixture(scope="module")
def shop(admins: dict[str, Kubectl], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The application, running at the source and written to; at the target there is none."""
    for admin, names in ((admins["prod"], ("shop", "shop-new")), (admins["new"], ("shop",))):
        admin("delete", "namespace", *names, "--ignore-not-found", within_s=120)
    admin, folder = admins["prod"], tmp_path_factory.mktemp("shop") / "manifests"
    shutil.copytree(SHOP, folder)
    for file in ("mysql.yaml", "postgres.yaml"):
        _replace(folder / file, "        accessModes:", "        storageClassName: drill\n        accessModes:")
    followed = "printf 'host %s all all scram-sha-256\\n' all replication"
    _replace(folder / "postgres" / "start.sh", 'echo "host all all all scram-sha-256"', followed)
    shutil.copy(MORE, folder / "more.yaml")
    _replace(folder / "kustomization.yaml", "postgres.yaml]", "postgres.yaml, more.yaml]")
    admin("create", "namespace", "shop")
    passwords = ("--from-literal=mysql-root=anything-a", "--from-literal=postgres=anything-b")
    admin("create", "secret", "generic", "shop-passwords", "--namespace=shop", *passwords)
    admin("apply", "--namespace=shop", "-k", str(folder))
    until(lambda: _runs(admin, "shop"), waited_for="the shop to run", within_s=300, every_s=2)


@pytest.fixture(scope="module")
def guest(admins: dict[str, Kubectl], shop: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A kubeconfig of the documented ServiceAccounts, with a context for each cluster."""
    parts: dict[str, list[Json]] = {"clusters": [], "users": [], "contexts": []}
    for context, admin in admins.items():
        admin("apply", "-f", str(FILES[context]))
        cluster = json.loads(admin("config", "view", "--minify", "--raw", "-o", "json"))["clusters"][0]["cluster"]
        token = admin("create", "token", "migrate", "--namespace=drillproof", "--duration=4h").strip()
        parts["clusters"].append({"name": context, "cluster": cluster})
        parts["users"].append({"name": context, "user": {"token": token}})
        parts["contexts"].append({"name": context, "context": {"cluster": context, "user": context}})
    folder = tmp_path_factory.mktemp("guest")
    (folder / "kubeconfig").write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **parts}))
    (folder / "drillproof.toml").write_text('migrate = ["prod", "new"]\n')
    yield folder
    for context, admin in admins.items():
        admin("apply", "-f", str(FILES[context]))


@pytest.fixture(scope="module")
def untouched(admins: dict[str, Kubectl], guest: Path) -> dict[str, set[str]]:
    """All objects before any test."""
    return {context: listing(admin) for context, admin in admins.items()}


@pytest.fixture
def migrate(
    guest: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[..., tuple[int, list[str], dict[str, Any]]]]:
    """`drillproof migrate ...` as the ServiceAccounts: exit code, the lines that complain, what the run came to.

    What was moved goes back at the end.
    """
    runs, common = tmp_path / "runs", ("--kubeconfig", str(guest / "kubeconfig"))

    def migrate(verb: str, *how: str) -> tuple[int, list[str], dict[str, Any]]:
        ends = ("--from", "prod", "--namespace", "shop", "--config", str(guest / "drillproof.toml"))
        words = {"plan": ends, "run": (*ends, "--runs", str(runs))}.get(
            verb, ("latest", "--config", str(guest / "drillproof.toml"), "--runs", str(runs))
        )
        code = cli.main(["migrate", verb, *words, *common, *how])
        printed = capfd.readouterr()
        with capfd.disabled():
            print(f"\n$ migrate {verb} {' '.join(how)}\n{printed.out}{printed.err}[{code}]")  # noqa: T201 # who watches wants to see it
        judged = runs / "latest" / "findings.json"
        complained = [line for line in printed.err.splitlines() if line.startswith("drillproof:")]
        return code, complained, json.loads(judged.read_text()) if judged.exists() else {}

    yield migrate
    if (runs / "latest").exists():
        assert migrate("back", "--lose-writes")[0] == 0


def red(judged: Mapping[str, Any]) -> list[str]:
    """Every finding that is none of PASS, in a line of what machines match on."""
    found = [each for each in judged["findings"] if each["verdict"] != "pass"]
    return [
        f"{each['check']} {each['verdict']} {each['store']}: {' '.join([each['reason'], *each['objects']])}"
        for each in found
    ]


def is_free(admin: Kubectl) -> None:
    """The source was not frozen, or was let go again."""
    things = objects(admin, "deployments,cronjobs", "--namespace=shop")
    assert [text(each, "metadata", "name") for each in things if text(each, "metadata", "annotations", WAS)] == []
    assert [integer(each, "spec", "replicas") for each in things if text(each, "kind") == "Deployment"] == [1, 1]


def ask(admin: Kubectl, sql: str, namespace: str = "shop") -> str:
    """What the shop's PostgreSQL answers."""
    inside = f'PGPASSWORD=$POSTGRES_PASSWORD exec psql -h 127.0.0.1 -U postgres -d stock -Atc "{sql}"'
    return admin("exec", f"--namespace={namespace}", "stock-db-0", "--", "bash", "-c", inside).strip()


def _runs(admin: Kubectl, namespace: str) -> None:
    pods = objects(admin, "pods", f"--namespace={namespace}")
    waiting = [text(pod, "metadata", "name") for pod in pods if condition(pod, "Ready") != "True"]
    if len(pods) < 4 or waiting:  # two databases, the till, the journal
        raise NotYet(f"{len(pods)} pods; not ready: {', '.join(waiting)}")
    if not int(ask(admin, "SELECT count(*) FROM sales.reservation WHERE customer LIKE 'till %'", namespace)):
        raise NotYet("the till has written nothing")
    _follows(admin, namespace)


def _follows(admin: Kubectl, namespace: str) -> None:
    if not int(ask(admin, "SELECT count(*) FROM pg_stat_replication", namespace)):
        raise NotYet("nothing follows")


def _replace(file: Path, old: str, new: str) -> None:
    before = file.read_text()
    assert old in before, (file, old)
    file.write_text(before.replace(old, new))


# ---------------------------------------------------------------- rights


def test_with_all_rights_it_could_be(
    admins: dict[str, Kubectl], untouched: dict[str, set[str]], migrate: Callable[..., Any]
) -> None:
    assert migrate("plan", "--to", "new", *WRITERS, "--storage-class", "drill=other")[:2] == (0, [])
    assert {context: listing(admin) for context, admin in admins.items()} == untouched


@pytest.mark.parametrize("lacks", SINGLE, ids=str)
def test_a_right_that_is_missing_is_named_and_nothing_is_frozen_or_made(
    admins: dict[str, Kubectl], migrate: Callable[..., Any], lacks: At
) -> None:
    admin, rule = admins[lacks.context], lacks.lacks.rule
    asked = (*WRITERS, "--writer", "statefulset/stock-db", "--storage-class", "drill=other")
    admin("apply", "-f", "-", stdin=json.dumps(lacks.lacks.less()))
    try:
        code, (line,), judged = migrate("run", "--to", "new", *asked)
    finally:
        admin("apply", "-f", "-", stdin=json.dumps(lacks.lacks.role))
    assert (code, judged) == (64, {})
    assert "permissions are missing" in line
    assert lacks.context in line
    assert all(word in line for word in (*rule["verbs"], *rule["resources"], *rule.get("resourceNames", ()))), line
    is_free(admins["prod"])


def test_nothing_was_made_where_a_right_was_missing(admins: dict[str, Kubectl], untouched: dict[str, set[str]]) -> None:
    assert {context: listing(admin) for context, admin in admins.items()} == untouched


@pytest.mark.parametrize("wanted", elsewhere("drillproof-migrate", "migrate"), ids=["namespace", "rolebinding"])
def test_the_account_can_let_itself_into_no_other_namespace(
    admins: dict[str, Kubectl], guest: Path, untouched: dict[str, set[str]], wanted: Json
) -> None:
    with pytest.raises(ToolFailed, match="ValidatingAdmissionPolicy 'drillproof-migrate'"):
        Kubectl(find_kubectl(), guest / "kubeconfig", "new")("create", "-f", "-", stdin=json.dumps(wanted))
    assert listing(admins["new"]) == untouched["new"]


# ---------------------------------------------------------------- to another cluster


def test_it_is_moved_with_just_these_rights_started_and_moved_back(
    admins: dict[str, Kubectl], migrate: Callable[..., Any]
) -> None:
    code, complained, judged = migrate("run", "--to", "new", *WRITERS, "--storage-class", "drill=other")
    assert (code, complained, red(judged)) == (0, [], [])
    claims = objects(admins["new"], "persistentvolumeclaims", "--namespace=shop")
    assert {text(each, "spec", "storageClassName") for each in claims} == {"other"}
    assert objects(admins["new"], "configmaps", "--namespace=velero", "--selector=velero.io/change-storage-class") == ()

    assert migrate("start")[:2] == (0, [])
    held = ask(admins["new"], "SELECT count(*) FROM sales.reservation")
    until(lambda: _more(admins["new"], held), waited_for="the till of the target to write", within_s=60)

    code, (line,), _ = migrate("back")
    assert code == 64
    assert "shop of new" in line
    assert "deployment/till" in line
    assert "--lose-writes" in line
    held = ask(admins["new"], "SELECT count(*) FROM sales.reservation")
    until(lambda: _more(admins["new"], held), waited_for="the refused target to write on", within_s=60)
    assert migrate("back", "--lose-writes")[:2] == (0, [])
    assert objects(admins["new"], "namespaces", "--field-selector=metadata.name=shop") == ()
    is_free(admins["prod"])


def _more(admin: Kubectl, than: str, namespace: str = "shop") -> None:
    if int(now := ask(admin, "SELECT count(*) FROM sales.reservation", namespace)) <= int(than):
        raise NotYet(now)


def test_where_no_volume_is_opted_in_it_is_refused(admins: dict[str, Kubectl], migrate: Callable[..., Any]) -> None:
    with opted_out(admins["prod"], "stock-db-0", "orders-db-0"):
        code, (line,), judged = migrate("run", "--to", "new", *WRITERS)
    assert (code, judged) == (64, {})
    assert all(fact in line for fact in ("shop of prod", "backup.velero.io/backup-volumes")), line
    is_free(admins["prod"])


def test_a_volume_that_is_not_opted_in_makes_it_fail(admins: dict[str, Kubectl], migrate: Callable[..., Any]) -> None:
    with opted_out(admins["prod"], "stock-db-0"):
        code, _, judged = migrate("run", "--to", "new", *WRITERS)
    assert code == 1
    assert any(line.startswith("data-equal fail postgres") and "sales.reservation" in line for line in red(judged))
    assert not any("mysql" in line for line in red(judged))


def test_what_was_changed_at_the_target_makes_it_fail(
    admins: dict[str, Kubectl], migrate: Callable[..., Any], tmp_path: Path
) -> None:
    kubectl = f"{find_kubectl()} --kubeconfig={admins['new'].kubeconfig} --namespace=shop"
    sql = "UPDATE goods.article SET price = price + 1 WHERE id = 7"
    script = tmp_path / "change.sh"
    script.write_text(
        f"""set -e
{kubectl} wait --for=condition=Ready pod/stock-db-0 --timeout=120s
{kubectl} exec stock-db-0 -- bash -c 'until pg_isready -q -h 127.0.0.1; do sleep 1; done'
{kubectl} exec stock-db-0 -- bash -c 'PGPASSWORD=$POSTGRES_PASSWORD psql -h 127.0.0.1 -U postgres -d stock -c "{sql}"'
"""
    )
    code, _, judged = migrate("run", "--to", "new", *WRITERS, "--after", f"restore=sh {script}")
    assert code == 1
    (line,) = red(judged)
    assert line.startswith("data-equal fail postgres: Rows")
    assert "goods.article" in line


def test_an_idle_writer_that_somebody_started_again_makes_it_fail(
    admins: dict[str, Kubectl], migrate: Callable[..., Any]
) -> None:
    kubectl = f"{find_kubectl()} --kubeconfig={admins['prod'].kubeconfig} --namespace=shop"
    go_on = f"""{kubectl} patch cronjob inventory --patch='{{"spec": {{"suspend": false}}}}'"""
    code, _, judged = migrate("run", "--to", "new", *WRITERS, "--after", f"restore={go_on}")
    assert code == 1
    assert "source-unchanged fail : SourceResumed cronjob/inventory" in "\n".join(red(judged))


# ---------------------------------------------------------------- within one cluster

WITHIN = ("--to", "prod", "--to-namespace", "shop-new", *WRITERS)


@pytest.fixture(scope="module")
def within(admins: dict[str, Kubectl], guest: Path) -> None:
    """The rights of the target on the cluster of the source, for another namespace."""
    admins["prod"]("apply", "-f", "-", stdin=FILES["new"].read_text().replace("shop", "shop-new"))


@pytest.mark.usefixtures("within")
def test_it_is_moved_within_one_cluster(admins: dict[str, Kubectl], migrate: Callable[..., Any]) -> None:
    code, complained, judged = migrate("run", *WITHIN)
    assert (code, complained, red(judged)) == (0, [], [])
    joined = [each["objects"] for each in judged["findings"] if each["check"] == "nothing-joined"]
    assert ["source"] in joined
    assert migrate("start")[:2] == (0, [])
    held = ask(admins["prod"], "SELECT count(*) FROM sales.reservation")
    until(lambda: _runs(admins["prod"], "shop-new"), waited_for="the new shop to run", within_s=60)
    until(lambda: _more(admins["prod"], held, "shop-new"), waited_for="the new till to write", within_s=60)
    assert ask(admins["prod"], "SELECT count(*) FROM sales.reservation") == held


@pytest.mark.usefixtures("within")
def test_an_address_that_leads_back_to_the_source_is_refused(
    admins: dict[str, Kubectl], migrate: Callable[..., Any]
) -> None:
    with followed(admins["prod"], "stock-db.shop.svc"):
        code, (line,), judged = migrate("run", *WITHIN)
    assert (code, judged) == (64, {})
    assert all(fact in line for fact in ("ConfigMap journal", "stock-db.shop.svc")), line
    is_free(admins["prod"])


@pytest.mark.usefixtures("within")
def test_what_joins_the_source_all_the_same_makes_it_fail(
    admins: dict[str, Kubectl], migrate: Callable[..., Any]
) -> None:
    kubectl = f"{find_kubectl()} --kubeconfig={admins['prod'].kubeconfig} --namespace=shop-new"
    wait = f"restore={kubectl} wait --for=condition=Ready pod --selector=app=journal --timeout=120s"
    with followed(admins["prod"], "stock-db", ".shop"):  # put together where it runs, so that no plan sees it
        code, _, judged = migrate("run", *WITHIN, "--after", wait)
    assert code == 1
    (line,) = red(judged)
    assert line.startswith("nothing-joined fail postgres: PeerUnexpected source ")


class opted_out:  # noqa: N801 # a block, not a thing
    """No annotation opts the volumes of these pods in, for as long as the block lasts."""

    def __init__(self, admin: Kubectl, *pods: str) -> None:
        self._admin, self._pods = admin, pods

    def __enter__(self) -> None:
        self._write("backup-volumes-")

    def __exit__(self, *_: object) -> None:
        self._write("backup-volumes=dump")

    def _write(self, word: str) -> None:
        self._admin("annotate", "pods", *self._pods, "--namespace=shop", f"backup.velero.io/{word}")


class followed:  # noqa: N801 # a block, not a thing
    """The journal follows this address, in one piece or in two, for as long as the block lasts."""

    def __init__(self, admin: Kubectl, *address: str) -> None:
        self._admin, self._address = admin, address

    def __enter__(self) -> None:
        self._write(*self._address)

    def __exit__(self, *_: object) -> None:
        self._write("stock-db")

    def _write(self, host: str, rest: str = "") -> None:
        patch = json.dumps({"data": {"host": host, "rest": rest}})
        self._admin("patch", "configmap", "journal", "--namespace=shop", "--type=merge", f"--patch={patch}")
        self._admin("rollout", "restart", "deployment", "journal", "--namespace=shop")
        self._admin("rollout", "status", "deployment", "journal", "--namespace=shop", "--timeout=60s", within_s=70)
        until(lambda: _follows(self._admin, "shop"), waited_for="the journal to follow", within_s=60)
