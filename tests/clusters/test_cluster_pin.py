"""A context is pinned to the cluster of its first use: no other cluster is used under its name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.backups.object_store import ObjectStore
from harness.clusters.cluster_pin import ClusterIdentity, ClusterPin
from harness.clusters.permissions_file import DrillPolicy, ProofPolicy, allowed_drill, allowed_proof
from harness.clusters.shared_cluster import DrillCluster
from harness.core import paths
from harness.core.errors import Misconfigured
from harness.workflows.proof.shared_cluster import preflight
from harness.workflows.proof.shared_cluster.cluster import ProofCluster

STAGING, PRODUCTION = "11111111-aaaa-4aaa-8aaa-111111111111", "22222222-bbbb-4bbb-8bbb-222222222222"
STORE = ObjectStore("", "http://objects", "backups", "key", "other-secret", "eu", "a/")
DRILL = DrillPolicy("staging", "drillproof-custos", "fast", "", "velero", "default", STORE, "drillproof-inside")
PROOF = ProofPolicy("staging", "drillproof-prove", "fast", "", ("shop",))

KUBECTL = """#!/bin/sh
echo "$*" >> "$FAKE/calls"
case "$*" in
    *"get-contexts"*) echo staging; echo other ;;
    *"config view"*"-o json"*)
        printf '{"clusters": [{"cluster": {"server": "%s"}}]}' "$(cat "$FAKE/server")" ;;
    *"config view"*) echo copied ;;
    *"kube-system"*)
        [ ! -e "$FAKE/error" ] || { cat "$FAKE/error" >&2; exit 1; }
        printf '{"metadata": {"uid": "%s"}}' "$(cat "$FAKE/uid")" ;;
    *"get namespace"*) ;;
    *) printf '{"items": []}' ;;
esac
"""


class Cluster:
    """A kubectl whose kubeconfig leads to some cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "drillproof.toml"
        self.leads_to(STAGING)

    def leads_to(self, uid: str, server: str = "https://staging:6443") -> None:
        (self.folder / "uid").write_text(uid)
        (self.folder / "server").write_text(server)

    def fails(self, error: str) -> None:
        (self.folder / "error").write_text(error)

    def calls(self) -> str:
        return (self.folder / "calls").read_text()

    def enter(self, **different: str | Path) -> None:
        policy = replace(DRILL, **{"file": self.config, **different})  # type: ignore[arg-type] # of the right types
        DrillCluster.enter(policy, None).down()

    def pins(self) -> list[Path]:
        return sorted(paths.state().glob("*.pin"))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Cluster(tmp_path)


def test_the_first_use_pins_the_cluster_and_shows_it(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.enter()
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert all(fact in line for fact in ("staging", STAGING, "https://staging:6443", str(cluster.pins()[0])))
    cluster.enter()
    assert capsys.readouterr().err == ""


def test_the_same_cluster_may_have_another_address(cluster: Cluster) -> None:
    cluster.enter()
    cluster.leads_to(STAGING, "https://10.0.0.1:6443")
    cluster.enter()


def prove(cluster: Cluster) -> None:
    ProofCluster.enter(replace(PROOF, file=cluster.config), None).down()


@pytest.mark.parametrize("enter", [Cluster.enter, prove])
def test_another_cluster_under_the_same_name_is_refused_in_one_line(
    cluster: Cluster, enter: Callable[[Cluster], None]
) -> None:
    cluster.enter()
    cluster.leads_to(PRODUCTION, "https://production:6443")
    with pytest.raises(Misconfigured) as refused:
        enter(cluster)
    line = str(refused.value)
    assert "\n" not in line
    for fact in ("staging", STAGING, "https://staging:6443", PRODUCTION, "https://production:6443"):
        assert fact in line
    assert f'cluster_uid = "{PRODUCTION}"' in line
    assert str(cluster.pins()[0]) in line
    assert not [folder for folder in paths.state().iterdir() if folder.is_dir()]  # the copy of the kubeconfig is gone


def test_gc_removes_nothing_from_another_cluster(cluster: Cluster) -> None:
    cluster.config.write_text('[prove."staging"]\nnamespaces = ["shop"]\nstorage_class = "fast"\n')
    assert preflight.gc("staging", None, cluster.config) == ()
    cluster.leads_to(PRODUCTION)
    (cluster.folder / "calls").unlink()
    with pytest.raises(Misconfigured, match=PRODUCTION):
        preflight.gc("staging", None, cluster.config)
    assert "drillproof-prove" not in cluster.calls()
    assert "delete" not in cluster.calls()


def test_a_refusal_does_not_change_the_pin(cluster: Cluster) -> None:
    cluster.enter()
    cluster.leads_to(PRODUCTION)
    for _ in range(2):
        with pytest.raises(Misconfigured, match=PRODUCTION):
            cluster.enter()
    cluster.leads_to(STAGING)
    cluster.enter()


def test_a_deleted_pin_accepts_the_new_cluster(cluster: Cluster) -> None:
    cluster.enter()
    cluster.leads_to(PRODUCTION)
    cluster.pins()[0].unlink()
    cluster.enter()


def test_each_context_and_each_configuration_file_has_its_own_pin(cluster: Cluster) -> None:
    cluster.enter()
    cluster.leads_to(PRODUCTION)
    cluster.enter(context="other")
    cluster.enter(file=cluster.folder / "other.toml")
    assert len(cluster.pins()) == 3


def test_a_file_is_the_same_by_every_path(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.enter()
    monkeypatch.chdir(cluster.folder)
    cluster.enter(file=Path("drillproof.toml"))
    assert len(cluster.pins()) == 1


def test_the_configuration_may_name_the_cluster(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.enter()  # an earlier pin does not count
    cluster.leads_to(PRODUCTION)
    cluster.enter(cluster_uid=PRODUCTION)
    cluster.leads_to(STAGING)
    with pytest.raises(Misconfigured, match=f"{STAGING}.*{PRODUCTION}"):
        cluster.enter(cluster_uid=PRODUCTION)
    capsys.readouterr()


def test_a_named_cluster_is_required_at_the_first_use_too(cluster: Cluster) -> None:
    with pytest.raises(Misconfigured, match=f"{STAGING}.*{PRODUCTION}"):
        cluster.enter(cluster_uid=PRODUCTION)
    assert cluster.pins() == []


@pytest.mark.parametrize(
    ("enter", "manifest"),
    [(DrillCluster.enter, "clusters/existing/rbac.yaml"), (ProofCluster.enter, "clusters/prove/rbac.yaml")],
)
def test_an_account_that_may_not_read_it_is_refused_by_the_permission(
    cluster: Cluster, enter: object, manifest: str
) -> None:
    cluster.fails('Error from server (Forbidden): namespaces "kube-system" is forbidden')
    assert callable(enter)
    with pytest.raises(Misconfigured, match=f"on the context staging: get namespaces kube-system .*{manifest}"):
        enter(DRILL if "existing" in manifest else PROOF, None)
    assert cluster.pins() == []


@pytest.mark.parametrize("error", ["Unable to connect to the server", "error: You must be logged in (Unauthorized)"])
def test_a_cluster_that_does_not_answer_is_not_pinned(cluster: Cluster, error: str) -> None:
    cluster.fails(error)
    with pytest.raises(Misconfigured) as refused:
        cluster.enter()
    assert error in str(refused.value)
    assert cluster.pins() == []


@pytest.mark.parametrize("uid", ["", " "])
def test_a_cluster_without_a_uid_is_refused(cluster: Cluster, uid: str) -> None:
    cluster.leads_to(uid.strip())
    with pytest.raises(Misconfigured, match="kube-system"):
        cluster.enter()
    assert cluster.pins() == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"uid": ""}', "\x00"])
def test_a_damaged_pin_is_refused_and_never_renewed(cluster: Cluster, content: str) -> None:
    cluster.enter()
    cluster.pins()[0].write_text(content)
    with pytest.raises(Misconfigured, match=str(cluster.pins()[0])):
        cluster.enter()
    assert cluster.pins()[0].read_text() == content


def test_of_two_first_uses_one_pins(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process pins between the question and the record."""
    pin = ClusterPin.of(replace(DRILL, file=cluster.config), paths.state())
    reads = iter([None, ClusterIdentity(PRODUCTION, "https://production:6443")])
    monkeypatch.setattr(ClusterPin, "_read", lambda _: next(reads))
    pin.file.parent.mkdir(parents=True)
    pin.file.write_text(json.dumps({"uid": PRODUCTION}))
    with pytest.raises(Misconfigured, match=PRODUCTION):
        pin.require(ClusterIdentity(STAGING, "https://staging:6443"))
    assert [path.name for path in paths.state().iterdir()] == [pin.file.name]


def test_both_tables_of_the_configuration_take_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "bucket.ini").write_text("[default]\naws_access_key_id = key\naws_secret_access_key = s\n")
    file = tmp_path / "drillproof.toml"
    named = f'cluster_uid = "{STAGING}"\nstorage_class = "fast"\n'
    drill = 'bucket = "backups"\nendpoint = "http://objects"\ncredentials = "bucket.ini"\n'
    file.write_text(f'[context."staging"]\n{named}{drill}[prove."staging"]\n{named}namespaces = ["shop"]\n')
    for policy in (allowed_drill("staging", file), allowed_proof("staging", file)):
        assert (policy.cluster_uid, policy.file) == (STAGING, file)
    file.write_text(file.read_text().replace(STAGING, "staging"))
    for allowed in (allowed_drill, allowed_proof):
        with pytest.raises(Misconfigured, match=r"key `cluster_uid` .*'staging'"):
            allowed("staging", file)
