"""By hand, on a real cluster that it makes and removes: backups are proved beside the very production that they are of.

    DRILLPROOF_REAL=1 pytest -n 0 -s tests/real/real_prove_shared_cluster.py

The cluster has a Velero of its own and an application; the proof uses a ServiceAccount with what
clusters/prove/rbac.yaml grants, and comes by a kubeconfig. Each rule is taken away from its role, one at a time.
With DRILLPROOF_KEEP=1 the cluster `place` stays, and the next time it is taken as it is.
The cluster's network enforces no policies, so we do it by hand; with DRILLPROOF_ENFORCER=FOLDER kube-router does, which
is in that folder, with ipset and its libraries, and stays until the cluster goes.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from existing_cluster import Lacks, complaint, forget, listing

from bench.prove import NAME as PRODUCTION
from bench.prove import back_up
from harness.backups.object_store import ObjectStore
from harness.backups.velero import VeleroEngine
from harness.cli import app as cli
from harness.clusters import local
from harness.clusters.docker import Docker
from harness.clusters.kind import KindCluster
from harness.clusters.permissions_file import PROOF_NAMESPACE as NAMESPACE
from harness.clusters.permissions_file import allowed_proof
from harness.core import resources
from harness.core.errors import HarnessError, ToolFailed
from harness.core.json import items, text
from harness.core.kubernetes import Kubectl, objects
from harness.core.model import Json
from harness.core.process import spawn
from harness.core.wait import NotYet, until
from harness.evidence.run_directory import read_json
from harness.workflows.progress import Progress

pytestmark = pytest.mark.skipif("DRILLPROOF_REAL" not in os.environ, reason="needs a machine: see above")

CLUSTER = "place"
RBAC = (resources.clusters() / "prove" / "rbac.yaml").read_text().replace("shop", PRODUCTION)
MANIFESTS = tuple(yaml.safe_load_all(RBAC))
RESTORED = f"{NAMESPACE}-{PRODUCTION}"
SINGLE = [Lacks(each, rule) for each in MANIFESTS if each["kind"] == "ClusterRole" for rule in each["rules"]]
HOOK = '["/bin/sh", "/drillproof/postgres.sh", "write", "/data/fingerprint"]'
CHEAPER = """psql -U postgres -c "UPDATE rows SET line = 'cheaper' WHERE ctid = '(0,1)'" -c CHECKPOINT"""
CHANGE = json.dumps(["/bin/sh", "-ec", f"{' '.join(json.loads(HOOK))}; {CHEAPER}; sync"])
BESIDE = f"""
apiVersion: batch/v1
kind: CronJob
metadata: {{name: mail, namespace: {PRODUCTION}}}
spec:
  schedule: "* * * * *"
  suspend: true
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{{name: mail, image: docker.io/library/postgres, command: [psql]}}]
---
apiVersion: v1
kind: Service
metadata: {{name: front, namespace: {PRODUCTION}}}
spec: {{type: NodePort, selector: {{app: db}}, ports: [{{port: 5432}}]}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: front, namespace: {PRODUCTION}}}
spec: {{defaultBackend: {{service: {{name: front, port: {{number: 5432}}}}}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: all-out, namespace: {PRODUCTION}}}
spec: {{podSelector: {{}}, policyTypes: [Egress], egress: [{{}}]}}
"""


@dataclass(frozen=True)
class There:
    """A cluster, what it has, and how its guest comes to it."""

    admin: Kubectl
    store: ObjectStore
    engine: VeleroEngine
    nodes: tuple[str, ...]
    docker: Docker
    home: Path

    @property
    def guest(self) -> Path:
        return self.home / "kubeconfig"

    def config(self, **more: Json) -> Path:
        told = {"namespaces": [PRODUCTION], "storage_class": "drill", **more}
        lines = [f"{key} = {json.dumps(value)}" for key, value in told.items()]
        file = self.home / "drillproof.toml"
        file.write_text("\n".join(['[prove."there"]', *lines]))
        return file

    def prove(self, backup: str, *how: str, **more: Json) -> int:
        return cli.main(self.words(backup, *how, **more))

    def words(self, backup: str, *how: str, **more: Json) -> list[str]:
        where = [f"--bucket={self.store.bucket}", f"--endpoint={self.store.outside}"]
        where += [f"--credentials={self.home}/credentials", f"--runs={self.home}/runs"]
        to = ["--context=there", f"--kubeconfig={self.guest}", f"--config={self.config(**more)}"]
        return ["prove", backup, *where, *to, *how]

    def fence(self, *addresses: str) -> None:
        for node in self.nodes:
            self.docker("exec", node, "sh", "-c", FENCE, "sh", *addresses)

    def run(self) -> Path:
        return (self.home / "runs" / "latest").resolve()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    supplied = local.prepare("auto", None, print)
    supplied = replace(supplied, extra_images=(supplied.ready.minio,))
    cluster = supplied.cluster(CLUSTER)
    try:
        cluster.up()
        if not objects(cluster.kubectl, "namespaces", f"--field-selector=metadata.name={PRODUCTION}"):
            for node in cluster.nodes():
                names = (f"docker.io/{supplied.ready.minio}", supplied.versions.images["minio"].ref)
                supplied.docker("exec", node, "ctr", "--namespace=k8s.io", "images", "tag", "--force", *names)
            back_up(cluster, supplied, 2, Progress(lambda _: None))
        yield _there(cluster, supplied, tmp_path_factory.mktemp("there"))
    finally:
        cluster.release() if "DRILLPROOF_KEEP" in os.environ else cluster.down()


def _there(cluster: KindCluster, supplied: local.LocalEnvironment, home: Path) -> There:
    admin = Kubectl(supplied.kubectl, cluster.kubeconfig)
    admin("apply", "-f", "-", stdin=BESIDE)
    admin("label", "--overwrite", "pod", "db", f"--namespace={PRODUCTION}", "app=db")
    admin("apply", "-f", "-", stdin=RBAC)
    engine = VeleroEngine(cluster.kubectl, lambda: cluster.store, supplied.release)
    for name, hook in (("nightly", HOOK), ("changed", CHANGE)):
        note = f"pre.hook.backup.velero.io/command={hook}"
        admin("annotate", "--overwrite", "pod", "db", f"--namespace={PRODUCTION}", note)
        if not objects(admin, "backups.velero.io", "--namespace=velero", f"--field-selector=metadata.name={name}"):
            assert engine.backup(name, PRODUCTION).phase == "Completed"
    known = json.loads(admin("config", "view", "--minify", "--raw", "-o", "json"))["clusters"][0]["cluster"]
    token = admin("create", "token", "prove", "--namespace=drillproof", "--duration=4h").strip()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": known}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
    }
    (home / "kubeconfig").write_text(json.dumps(config))
    store = cluster.store
    keys = f"aws_access_key_id={store.access_key}\naws_secret_access_key={store.secret_key}\n"
    (home / "credentials").write_text(f"[default]\n{keys}")
    there = There(admin, store, engine, cluster.nodes(), supplied.docker, home)
    forget(allowed_proof("there", there.config()))
    return there


def beside(admin: Kubectl) -> set[str]:
    """Production and its Velero, to the version of each object, but for what changes by itself."""
    kinds = "pods,services,persistentvolumeclaims,secrets,configmaps,deployments,daemonsets,cronjobs,networkpolicies"
    found = {
        f"{text(each, 'kind')} {name}/{text(each, 'metadata', 'name')} {text(each, 'metadata', 'resourceVersion')}"
        for name in (PRODUCTION, "velero")
        for each in objects(admin, kinds, f"--namespace={name}")
    }
    kept = "backups.velero.io,restores.velero.io,podvolumebackups.velero.io,podvolumerestores.velero.io"
    return found | {
        f"{text(each, 'kind')} {text(each, 'metadata', 'name')} {text(each, 'metadata', 'resourceVersion')}"
        for each in objects(admin, kept, "--namespace=velero")
    }


@pytest.fixture(scope="module")
def untouched(there: There) -> set[str]:
    return listing(there.admin)


@pytest.fixture(autouse=True)
def nothing_else_is_touched(there: There, untouched: set[str]) -> Iterator[None]:
    """After every single test all is there that was before, nothing else is, and production is as it was."""
    before = beside(there.admin)
    yield
    assert beside(there.admin) == before

    def as_before() -> None:
        if differ := listing(there.admin) ^ untouched:
            raise NotYet(", ".join(sorted(differ)))

    # The provisioner takes volumes away by a pod of its own, a moment after their claims are gone.
    until(as_before, waited_for="volumes to be gone", within_s=120, every_s=2)


def findings(run: Path) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for each in items(read_json(run / "findings.json"), "findings"):
        told.setdefault(text(each, "verdict"), []).append(f"{text(each, 'check')}: {text(each, 'reason')}")
    return told


def not_proved(run: Path) -> str:
    return "; ".join(map(str, items(read_json(run / "findings.json"), "not_proved")))


def test_all_that_would_be_made_is_printed_and_nothing_is(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    assert there.prove("nightly", "--dry-run") == 0
    planned = json.loads(capsys.readouterr().out)["items"]
    assert {text(each, "metadata", "namespace") for each in planned} == {"", NAMESPACE, RESTORED}
    names = {text(each, "metadata", "name") for each in planned if each["kind"] == "Namespace"}
    assert names == {NAMESPACE, RESTORED}
    assert {each["kind"] for each in planned if not text(each, "metadata", "namespace")} == {"Namespace"}


def test_where_no_policy_is_enforced_nothing_is_restored(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    assert there.prove("nightly") == 64
    line = complaint(capsys)
    assert "NetworkPolicies" in line
    assert "the API server" in line


def test_a_backup_is_proved_where_the_configuration_lets_it_without_a_fence(there: There) -> None:
    assert there.prove("nightly", without_fence=True) == 0
    run = there.run()
    told = findings(run)
    assert told.keys() == {"pass"}
    assert not [line for line in told["pass"] if line.startswith("fence-held")]
    unsaid = not_proved(run)
    assert "that nothing left the restored namespaces: nothing stopped them" in unsaid
    for word in ("cronjobs.batch (1)", "ingresses.networking.k8s.io (1)", f"NodePort of service {PRODUCTION}/front"):
        assert word in unsaid


FENCE = """
iptables -N PLACE 2> /dev/null && iptables -I FORWARD -j PLACE && iptables -I INPUT -j PLACE
iptables -F PLACE
iptables -A PLACE -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
for address in "$@"; do iptables -A PLACE -s "$address" -j DROP; done
"""


@contextmanager
def enforced(there: There) -> Iterator[None]:
    """Policies hold."""
    if folder := os.environ.get("DRILLPROOF_ENFORCER"):
        start_kube_router(there, Path(folder))
        yield
    else:
        with by_hand(there):
            yield


KUBE_ROUTER = r"""
cd /enforcer && export PATH="/enforcer:$PATH" LD_LIBRARY_PATH=/enforcer
exec kube-router --kubeconfig=kubeconfig --hostname-override="$0" \
    --run-router=false --run-service-proxy=false > said 2>&1
"""


def start_kube_router(there: There, folder: Path) -> None:
    """A controller of network policies on each node. It stays, since its own --cleanup-config leaves rules behind."""
    known = there.home / "admin"
    known.write_text(there.docker("exec", f"{CLUSTER}-control-plane", "cat", "/etc/kubernetes/admin.conf"))
    for node in there.nodes:
        there.docker("cp", str(folder), f"{node}:/enforcer")
        there.docker("cp", str(known), f"{node}:/enforcer/kubeconfig")
        there.docker("exec", "--detach", node, "sh", "-c", KUBE_ROUTER, node)


@contextmanager
def by_hand(there: There) -> Iterator[None]:
    """What a network plugin that enforces policies does, done by hand on the nodes: by addresses, as pods come."""
    over = threading.Event()

    def enforce() -> None:
        known: set[str] = set()
        while not over.wait(0.5):
            with suppress(HarnessError):
                pods = objects(there.admin, "pods", f"--namespace={RESTORED}")
                if (now := {text(pod, "status", "podIP") for pod in pods} - {""}) - known:
                    known |= now
                    there.fence(*known)

    guard = threading.Thread(target=enforce)
    guard.start()
    try:
        yield
    finally:
        over.set()
        guard.join()
        there.fence()


def test_a_backup_is_proved_behind_a_policy_that_holds(there: There) -> None:
    with enforced(there):
        assert there.prove("nightly") == 0
    told = findings(there.run())
    assert told.keys() == {"pass"}
    assert not [line for line in told["pass"] if line.startswith("fence-held")]
    assert "a NetworkPolicy stopped what was tried" in not_proved(there.run())


def test_a_price_that_changed_after_its_fingerprint_fails(there: There) -> None:
    assert there.prove("changed", without_fence=True) == 1
    assert [line for line in findings(there.run())["fail"] if "Rows" in line]


def test_a_damaged_backup_fails(there: There) -> None:
    client, packs = there.store.client(), f"restic/{PRODUCTION}/data/"
    listed = client.list_objects_v2(Bucket=there.store.bucket, Prefix=packs)["Contents"]
    key = max(listed, key=lambda each: each["Size"])["Key"]
    whole = client.get_object(Bucket=there.store.bucket, Key=key)["Body"].read()
    spoilt = bytearray(whole)
    spoilt[100 : len(spoilt) // 2] = bytes(len(spoilt) // 2 - 100)
    client.put_object(Bucket=there.store.bucket, Key=key, Body=bytes(spoilt))
    try:
        assert there.prove("nightly", "--rto=120", without_fence=True) == 1
    finally:
        client.put_object(Bucket=there.store.bucket, Key=key, Body=whole)
    assert [line for line in findings(there.run())["fail"] if line.startswith("restore-complete")]


@pytest.mark.parametrize("lacks", SINGLE, ids=str)
def test_a_right_that_is_missing_is_named_and_nothing_is_made(
    there: There, lacks: Lacks, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = sorted((there.home / "runs").glob("*"))
    there.admin("apply", "-f", "-", stdin=json.dumps(lacks.less()))
    try:
        until(lambda: _is_lost(there, lacks), waited_for="the right to be gone", within_s=30)
        assert there.prove("nightly", without_fence=True) == 64
    finally:
        there.admin("apply", "-f", "-", stdin=json.dumps(lacks.role))
    line = complaint(capsys)
    assert "missing on the context there" in line
    assert any(resource in line for resource in lacks.rule["resources"]), line
    assert sorted((there.home / "runs").glob("*")) == runs


def _is_lost(there: There, lacks: Lacks) -> None:
    """Roles are read by the API server a moment after they were written."""
    known = json.loads(there.admin("get", "clusterrole", lacks.role["metadata"]["name"], "-o", "json"))
    if lacks.rule in (known["rules"] or []):
        raise NotYet("it is there")


@pytest.mark.parametrize("kind", ["Namespace", "RoleBinding"])
def test_the_account_makes_no_other_namespace_and_binds_nowhere_else(there: There, kind: str) -> None:
    group = "rbac.authorization.k8s.io"
    role: Json = {"apiGroup": group, "kind": "ClusterRole", "name": "drillproof-prove-inside"}
    wanted: dict[str, Json] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "another"}}
    if kind == "RoleBinding":
        metadata: Json = {"name": "x", "namespace": PRODUCTION}
        wanted = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "roleRef": role}
    with pytest.raises(ToolFailed, match="a proof makes its own namespaces"):
        Kubectl(there.admin.binary, there.guest, "there")("create", "-f", "-", stdin=json.dumps(wanted))


@pytest.mark.parametrize("step", ["up", "restore"])
def test_what_a_killed_proof_left_is_refused_and_taken_away(
    there: There, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [sys.executable, "-m", "harness.cli", *there.words("nightly", without_fence=True)]
    before = {*(there.home / "runs").glob("*")}
    with spawn(words) as proof:

        def lives() -> None:
            assert proof.poll() is None, "it ended by itself"
            _is_at(there, before, step)

        until(lives, waited_for=f"the step {step}", within_s=600, every_s=0.5)
        proof.kill()
        proof.wait(60)
    assert there.prove("nightly", without_fence=True) == 64
    assert "gc --context there" in complaint(capsys)
    gc = ["gc", "--context=there", f"--kubeconfig={there.guest}", f"--config={there.config(without_fence=True)}"]
    assert cli.main(gc) == 0
    assert {line.split()[1] for line in capsys.readouterr().out.splitlines()} == {NAMESPACE, RESTORED}
    assert cli.main(gc) == 0
    assert capsys.readouterr().out == "nothing was left behind\n"


def _is_at(there: There, before: set[Path], step: str) -> None:
    for run in {*(there.home / "runs").glob("20*")} - before:
        journal = run / "journal.jsonl"
        if journal.exists() and f'"step":"{step}"' in journal.read_text().replace(" ", ""):
            return
    raise NotYet("it is not there yet")
