"""Proofs in namespaces of a cluster of others: what is allowed, asked, made and left out, and that nothing else is."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import yaml
from nightly import NAME, Nightly, claim, good, pod
from proving import OPTIONS, red, told
from proving import prove as prove  # noqa: PLC0414 # a fixture
from schemas import wrong

from harness.backups import velero_backup, velero_install
from harness.backups.velero_install import Release
from harness.clusters import rbac
from harness.clusters.permissions_file import ProofPolicy, allowed_drill, allowed_proof
from harness.clusters.rbac import Permission
from harness.clusters.shared_cluster import SharedCluster
from harness.core import resources
from harness.core.errors import HarnessError, Misconfigured
from harness.core.json import at, text
from harness.core.kubernetes import LABEL, Kubectl, Object
from harness.core.model import Json
from harness.core.objects import made
from harness.workflows.proof.proof import BackupInBucket
from harness.workflows.proof.shared_cluster import preflight, restore_filter
from harness.workflows.proof.shared_cluster.cluster import MappedKubectl, ProofCluster
from harness.workflows.proof.shared_cluster.network_check import EgressProbe, ProbeResult, Target
from harness.workflows.proof.shared_cluster.velero import OwnVelero, mapped_classes
from harness.workloads import detection

RBAC = resources.clusters() / "prove" / "rbac.yaml"
THERE = ProofPolicy("staging", "drillproof-prove", "fast", "", ("shop",))
CONFIG = """
[prove."staging"]
namespaces = ["shop"]
storage_class = "fast"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "drillproof.toml"
    file.write_text(CONFIG)
    return file


# ---------------------------------------------------------------- what is allowed


def test_a_proof_may_be_where_the_file_says_so(config: Path) -> None:
    found = allowed_proof("staging", config)
    assert found == THERE
    assert found.all == ("drillproof-prove", "drillproof-prove-shop")
    assert not found.without_fence


def test_the_leave_to_drill_is_none_to_prove_and_the_other_way_round(config: Path) -> None:
    with pytest.raises(Misconfigured, match="does not allow drills on the context staging; it allows: none"):
        allowed_drill("staging", config)
    config.write_text('[context."staging"]\nbucket = "b"\n')
    with pytest.raises(Misconfigured, match="does not allow proofs on the context staging; it allows: none"):
        allowed_proof("staging", config)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("namespace = 'Proof'", "key `namespace`.* not 'Proof'"),
        (f"namespace = '{'a' * 60}'", "'a{60}-shop' cannot be a namespace"),
        ("without_fence = 'yes'", "key `without_fence` must be of type bool"),
        ("mirror = 'https://here'", "key `mirror` must be HOST"),
        ("withoutfence = true", "did you mean `without_fence`"),
    ],
)
def test_what_the_file_may_not_say_is_refused(config: Path, line: str, said: str) -> None:
    config.write_text(CONFIG + line)
    with pytest.raises(Misconfigured, match=said):
        allowed_proof("staging", config)


# ---------------------------------------------------------------- permissions


def granted(name: str, namespace: str = "") -> set[Permission]:
    """What a role of the file grants, permission by permission."""
    (role,) = [
        each
        for each in yaml.safe_load_all(RBAC.read_text())
        if (each["kind"], each["metadata"]["name"]) == ("ClusterRole", name)
    ]
    return {
        Permission(verb, resource, group, which, namespace)
        for rule in role["rules"]
        for group, resource, verb, which in itertools.product(
            rule["apiGroups"], rule["resources"], rule["verbs"], rule.get("resourceNames", [""])
        )
    }


@pytest.mark.parametrize(
    ("role", "asked"),
    [
        ("drillproof-prove", rbac.proof_outside(THERE)),
        (rbac.PROOF_ROLE, rbac.proof_inside("n").permissions),
        ("drillproof-prove-velero", rbac.listed("proof-velero-outside")),
        (rbac.PROOF_VELERO_ROLE, rbac.listed("proof-velero-inside", namespace="n")),
    ],
)
def test_the_rights_that_are_asked_for_are_those_that_the_file_grants(role: str, asked: tuple[Permission, ...]) -> None:
    assert granted(role, asked[0].namespace) == set(asked)
    assert len(set(asked)) == len(asked)


def test_kinds_are_made_only_by_whoever_may_make_them() -> None:
    more = set(rbac.proof_outside(replace(THERE, makes_crds=True))) - set(rbac.proof_outside(THERE))
    assert more == {Permission("create", "customresourcedefinitions", "apiextensions.k8s.io")}


def kind(name: str, words: str) -> Object:
    schema: Json = {"openAPIV3Schema": {"description": words}}
    versions: Json = [{"name": "v1", "schema": schema}]
    return {"kind": "CustomResourceDefinition", "metadata": {"name": name}, "spec": {"versions": versions}}


def served(*kinds: Object) -> Callable[..., str]:
    """What a cluster with these kinds answers who asks for one."""
    by_name = {text(each, "metadata", "name"): json.dumps(each) for each in kinds}
    return lambda *args, **_: by_name.get(args[2], "")


def test_velero_s_kinds_are_the_same_or_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = (kind("backups.velero.io", "1.16"), kind("restores.velero.io", "1.16"))
    monkeypatch.setattr(velero_install, "manifests", lambda *_: ours)
    release = Release(Path("velero"), "velero:v1.16.2", "", Path)

    def lacking(there: ProofPolicy, *kinds: Object) -> tuple[Object, ...]:
        return preflight._missing_crds(cast("Kubectl", served(*kinds)), there, release, "restic")

    assert lacking(THERE, *ours) == ()
    with pytest.raises(Misconfigured, match=r"v1\.16\.2.*: restores\.velero\.io;"):
        lacking(replace(THERE, makes_crds=True), ours[0], kind("restores.velero.io", "1.15"))
    with pytest.raises(Misconfigured, match=r"restores\.velero\.io; .*make_crds = true"):
        lacking(THERE, ours[0])
    assert lacking(replace(THERE, makes_crds=True), ours[0]) == (ours[1],)


def test_a_storage_class_that_keeps_what_was_restored_is_refused(tmp_path: Path) -> None:
    preflight._is_removed({"reclaimPolicy": "Delete"}, THERE)
    with pytest.raises(Misconfigured, match=r"StorageClass fast .* reclaimPolicy Retain"):
        preflight._is_removed({"reclaimPolicy": "Retain"}, THERE)
    with pytest.raises(Misconfigured, match="there is no StorageClass fast"):
        ProofCluster(THERE, cast("Kubectl", lambda *_, **__: ""), tmp_path / "home").require_storage_class()


class Reviews(Kubectl):
    """An API server that allows all but this."""

    def __init__(self, user: str, resource: str) -> None:
        super().__init__(Path("kubectl"), Path("config"))
        object.__setattr__(self, "refused", (user, resource))

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "get":
            role = next(each for each in yaml.safe_load_all(RBAC.read_text()) if each["metadata"]["name"] == args[2])
            return json.dumps(role)
        answers = []
        for each in json.loads(stdin or "")["items"]:
            assert (each["kind"] == "SubjectAccessReview") == bool(text(each, "spec", "user"))
            asked = (text(each, "spec", "user"), text(each, "spec", "resourceAttributes", "resource"))
            answers.append({**each, "status": {"allowed": asked != self.__dict__["refused"]}})
        return json.dumps({"kind": "List", "items": answers})


@pytest.mark.parametrize(
    ("user", "resource", "said"),
    [
        (
            "",
            "namespaces",
            "context staging: create namespaces in the cluster; get, list",
        ),
        (
            "system:serviceaccount:drillproof-prove:velero",
            "secrets",
            "permissions of the proof's own Velero are missing on the context staging: get, list, watch secrets",
        ),
    ],
)
def test_rights_that_are_missing_are_named_with_whose_they_are(user: str, resource: str, said: str) -> None:
    assert preflight._has_permissions(Reviews("nobody", ""), THERE) is False
    with pytest.raises(Misconfigured, match=said):
        preflight._has_permissions(Reviews(user, resource), THERE)


# ---------------------------------------------------------------- what is in the backup


def held(*things: tuple[str, Object]) -> Nightly:
    """A good backup with more in it: by the folder of its kind."""
    bucket = good()
    key = f"backups/{NAME}/{NAME}.tar.gz"
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(bucket.things[key]), mode="r:gz") as old,
        tarfile.open(fileobj=packed, mode="w:gz") as new,
    ):
        for member in old:
            new.addfile(member, old.extractfile(member))
        for kind, thing in things:
            where = f"namespaces/{spot}" if (spot := text(thing, "metadata", "namespace")) else "cluster"
            content = json.dumps(thing).encode()
            for version in ("", "v1-preferredversion/"):
                info = tarfile.TarInfo(f"resources/{kind}/{version}{where}/{text(thing, 'metadata', 'name')}.json")
                info.size = len(content)
                new.addfile(info, io.BytesIO(content))
    bucket.things[key] = packed.getvalue()
    return bucket


def service(name: str, **spec: Json) -> tuple[str, Object]:
    told: Json = {"selector": {"app": "db"}, "ports": [{"port": 3306, "nodePort": 30001}], **spec}
    return "services", {"metadata": {"name": name, "namespace": "shop"}, "spec": told}


def looked(bucket: Nightly) -> restore_filter.Contents:
    return restore_filter.read(bucket, velero_backup.read_backup(bucket, bucket.listing(), NAME))


def test_what_would_begin_to_work_beside_production_is_left_out_and_named() -> None:
    thing: Object = {"metadata": {"name": "mail", "namespace": "shop"}}
    found = looked(
        held(
            ("cronjobs.batch", thing),
            ("ingresses.networking.k8s.io", thing),
            ("ingresses.networking.k8s.io", {"metadata": {"name": "b", "namespace": "shop"}}),
            ("networkpolicies.networking.k8s.io", thing),
            ("rolebindings.rbac.authorization.k8s.io", thing),
            ("widgets.example.org", thing),
            service("front", type="LoadBalancer"),
            service("other", externalIPs=["10.0.0.1"]),
            service("away", type="ExternalName", externalName="mail.example.org"),
            service("fixed", selector=None),
            service("db", clusterIP="None"),
        )
    )
    assert found.left_out == (
        "cronjobs.batch (1)",
        "ingresses.networking.k8s.io (2)",
        "networkpolicies.networking.k8s.io (1)",
        "rolebindings.rbac.authorization.k8s.io (1)",
        "widgets.example.org (1)",
        "service shop/away (leads to mail.example.org)",
        "service shop/fixed (has no selector, and so leads elsewhere)",
        "LoadBalancer of service shop/front",
        "externalIPs of service shop/other",
    )
    assert [text(each, "metadata", "name") for each in found.services] == ["front", "other", "db"]


def test_a_service_has_an_address_inside_the_cluster_and_no_other_one() -> None:
    _, front = service("front", type="LoadBalancer", externalIPs=["10.0.0.1"], clusterIP="10.96.0.9")
    made = restore_filter.service(front, "drillproof-prove-shop", "r")
    assert made["spec"] == {"type": "ClusterIP", "selector": {"app": "db"}, "ports": [{"port": 3306}]}
    assert made["metadata"] == {"name": "front", "namespace": "drillproof-prove-shop", "labels": {LABEL: "r"}}
    _, headless = service("db", clusterIP="None", publishNotReadyAddresses=True)
    spec = restore_filter.service(headless, "n", "r")["spec"]
    assert (at(spec, "clusterIP"), at(spec, "publishNotReadyAddresses")) == ("None", True)


def mounting(kind: str, source: Json) -> dict[str, Json]:
    """The spec of a pod with one volume."""
    return {"volumes": [{"name": "files", kind: source}]}


def handling(field: str, handler: Json) -> dict[str, Json]:
    """The spec of a pod whose container has a probe or lifecycle hooks."""
    return {"containers": [{"name": "c", field: handler}]}


BEYOND: tuple[tuple[dict[str, Json], str], ...] = (
    ({"hostNetwork": True}, "hostNetwork"),
    ({"hostPID": True}, "hostPID"),
    ({"hostIPC": True}, "hostIPC"),
    ({"containers": [{"name": "c", "securityContext": {"privileged": True}}]}, "privileged"),
    ({"initContainers": [{"name": "c", "ports": [{"hostPort": 80}]}]}, "hostPort"),
    *(
        (mounting(kind, {"path": "/"}), f"{kind} .*files")
        for kind in (
            *("hostPath", "nfs", "iscsi", "cephfs", "rbd", "glusterfs", "fc", "azureFile", "azureDisk", "csi"),
            *("flexVolume", "flocker", "cinder", "gcePersistentDisk", "awsElasticBlockStore", "portworxVolume"),
            *("quobyte", "scaleIO", "storageos", "vsphereVolume", "photonPersistentDisk", "gitRepo", "image"),
            "aKindOfTheFuture",
        )
    ),
    ({"volumes": [{"name": "files", "ephemeral": {}}]}, "ephemeral .*files"),
    (
        {"volumes": [{"name": "files", "ephemeral": {"volumeClaimTemplate": {"spec": {"volumeName": "pv-1"}}}}]},
        "pv-1",
    ),
    *(
        (handling(probe, {"httpGet": {"host": "shop.example.org", "port": 80}}), "shop.example")
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
    ),
    ({"containers": [{"name": "c", "livenessProbe": {"tcpSocket": {"host": "10.0.0.1", "port": 80}}}]}, "10.0.0.1"),
    *(
        (handling("lifecycle", {moment: {handler: {"host": "10.0.0.1", "port": 80}}}), "10.0.0.1")
        for moment in ("postStart", "preStop")
        for handler in ("httpGet", "tcpSocket")
    ),
)
"""What the kubelet or the node does for a pod, which no NetworkPolicy stops."""

WITHIN: tuple[dict[str, Json], ...] = (
    *(
        mounting(kind, {})
        for kind in ("emptyDir", "configMap", "secret", "downwardAPI", "projected", "persistentVolumeClaim")
    ),
    {"volumes": [{"name": "files"}]},
    {"volumes": [{"name": "files", "nfs": None, "emptyDir": {}}]},
    {"volumes": [{"name": "files", "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["a"]}}}}]},
    {"containers": [{"name": "c", "livenessProbe": {"httpGet": {"port": 80}}}], "hostNetwork": False},
)


def with_template(kind: str, spec: dict[str, Json]) -> Object:
    """An object of the backup that makes pods."""
    pods: Json = {"template": {"spec": {"containers": [{"name": "c"}], **spec}}}
    return {"kind": kind, "metadata": {"name": "web", "namespace": "shop"}, "spec": pods}


MAKERS = (
    ("deployments.apps", "Deployment"),
    ("statefulsets.apps", "StatefulSet"),
    ("replicasets.apps", "ReplicaSet"),
)


@pytest.mark.parametrize(("spec", "why"), [*BEYOND, ({"priority": 1000}, "a priority that .*")])
def test_a_pod_that_its_namespace_does_not_hold_is_refused(spec: dict[str, Json], why: str) -> None:
    odd = pod("odd")
    odd["spec"] = {**cast("dict[str, Json]", pod("odd")["spec"]), **spec}
    with pytest.raises(Misconfigured, match=rf"shop/odd \(.*{why}") as refused:
        looked(good(pods=[pod(), odd]))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("spec", "why"), BEYOND)
@pytest.mark.parametrize(("folder", "kind"), MAKERS)
def test_a_template_of_pods_that_reach_beyond_is_refused(
    folder: str, kind: str, spec: dict[str, Json], why: str
) -> None:
    with pytest.raises(Misconfigured, match=rf"{kind} shop/web \(.*{why}") as refused:
        looked(held((folder, with_template(kind, spec))))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("spec", WITHIN)
@pytest.mark.parametrize(("folder", "kind"), MAKERS)
def test_a_template_that_stays_in_its_namespace_is_restored(folder: str, kind: str, spec: dict[str, Json]) -> None:
    assert looked(held((folder, with_template(kind, spec)))).left_out == ()


def test_a_claim_template_that_names_a_volume_is_refused() -> None:
    db = with_template("StatefulSet", {})
    claims: Json = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "volumeName": "pv-1"}}]
    spec: Json = {**cast("dict[str, Json]", db["spec"]), "volumeClaimTemplates": claims}
    with pytest.raises(Misconfigured, match=r"StatefulSet shop/web \(.*pv-1"):
        looked(held(("statefulsets.apps", {**db, "spec": spec})))


@pytest.mark.parametrize(
    "folder", ["daemonsets.apps", "jobs.batch", "cronjobs.batch", "replicationcontrollers", "deployments.example.org"]
)
def test_a_kind_that_is_not_restored_may_reach_beyond(folder: str) -> None:
    thing = with_template("Some", {"hostNetwork": True})
    assert looked(held((folder, thing))).left_out == (f"{folder} (1)",)


def test_a_volume_that_is_kept_when_its_claim_goes_is_refused() -> None:
    volume: Object = {
        "metadata": {"name": "pv-1"},
        "spec": {"claimRef": {"namespace": "shop", "name": "data-db-0"}, "persistentVolumeReclaimPolicy": "Retain"},
    }
    with pytest.raises(Misconfigured, match="volumes of shop/data-db-0 "):
        looked(held(("persistentvolumes", volume)))


def test_a_database_in_a_pod_that_is_left_out_is_refused() -> None:
    of_a_job = pod()
    of_a_job["metadata"] = {**cast("dict[str, Json]", of_a_job["metadata"]), "labels": {"job-name": "x"}}
    databases = detection.databases([of_a_job])
    restore_filter.run_there(databases, [pod()])
    with pytest.raises(Misconfigured, match="mysql shop/db-0: pods of Jobs and DaemonSets are not restored"):
        restore_filter.run_there(databases, [of_a_job])


# ---------------------------------------------------------------- nothing but its own is asked


class Asked(Kubectl):
    """Notes what it is asked."""

    def __init__(self) -> None:
        super().__init__(Path("kubectl"), Path("config"))
        object.__setattr__(self, "words", [])

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        cast("list[tuple[str, ...]]", self.__dict__["words"]).append(args)
        return ""


def test_a_namespace_of_the_backup_is_the_proofs_own_and_never_productions() -> None:
    asked = Asked()
    within = MappedKubectl(asked, {"shop": "drillproof-prove-shop"})
    within("exec", "--namespace=shop", "db-0", "--", "sh", "--namespace=shop", "-n")
    within("get", "--raw", "/readyz")
    assert asked.__dict__["words"] == [
        ("exec", "--namespace=drillproof-prove-shop", "db-0", "--", "sh", "--namespace=shop", "-n"),
        ("get", "--raw", "/readyz"),
    ]


@pytest.mark.parametrize(
    "args",
    [
        ("get", "pods", "--namespace=kube-system"),
        ("get", "pods"),
        ("get", "pods", "-n", "shop"),
        ("get", "pods", "--namespace=shop", "--all-namespaces"),
        ("exec", "db-0", "--", "--namespace=shop"),
    ],
)
def test_another_namespace_is_not_asked(args: tuple[str, ...]) -> None:
    asked = Asked()
    with pytest.raises(HarnessError, match=r"does not belong to this proof|one namespace of its own"):
        MappedKubectl(asked, {"shop": "drillproof-prove-shop"})(*args)
    assert asked.__dict__["words"] == []


# ---------------------------------------------------------------- what holds


class Net:
    """A cluster's network, as `sh` in a pod sees it."""

    def __init__(self, reached: set[tuple[str, str]]) -> None:
        self.reached = reached  # namespace and host
        self.asked = 0

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        namespace = args[1].removeprefix("--namespace=")
        if "KUBERNETES" in args[-1]:
            return "10.96.0.1 443\n"
        self.asked += 1
        return "reached\n" if (namespace, args[-2]) in self.reached else "stopped\n"


ALL = {("free", "store"), ("free", "10.96.0.1")}
TARGETS = (Target("the proof's object store", "store", 9000), Target("the API server", "10.96.0.1", 443))


def test_a_policy_that_stops_all_that_is_reached_without_it_holds() -> None:
    tries = EgressProbe(Net(ALL), "free", ("behind",))
    targets = tries.targets("store", 9000, "http://nobody:9")
    assert targets == TARGETS  # the source's bucket is not reached without it, and says nothing
    assert tries.run(targets) == ProbeResult((), ("the proof's object store", "the API server"))
    assert tries.run(targets).held


def test_a_policy_that_lets_one_thing_through_does_not_hold() -> None:
    tries = EgressProbe(Net(ALL | {("second", "10.96.0.1")}), "free", ("behind", "second"))
    found = tries.run(TARGETS, within_s=0)
    assert not found.held
    assert found.reached == ("the API server from second",)
    with pytest.raises(Misconfigured, match=r"does not enforce NetworkPolicies: .* reach the API server from second"):
        preflight._holds(THERE, found)
    preflight._holds(replace(THERE, without_fence=True), found)


def test_where_nothing_is_reached_without_it_nothing_is_known() -> None:
    with pytest.raises(HarnessError, match="cannot reach store:9000; pods have no network"):
        EgressProbe(Net(set()), "free", ("behind",)).targets("store", 9000, "")
    assert not ProbeResult((), ()).held


def test_a_pod_that_does_not_say_what_it_reaches_is_no_policy_that_holds() -> None:
    with pytest.raises(HarnessError, match="/probe "):
        EgressProbe(lambda *_, **__: "", "free", ("behind",)).run(TARGETS)


def test_a_policy_that_holds_no_more_is_told() -> None:
    net = Net(set(ALL))
    tries = EgressProbe(net, "free", ("behind",))
    before = tries.run(TARGETS)
    assert "store" in tries.run_again(TARGETS, before)
    net.reached.add(("behind", "store"))
    with pytest.raises(HarnessError, match="reached the proof's object store"):
        tries.run_again(TARGETS, before)


def test_the_policy_lets_out_to_the_proofs_own_and_to_names_alone(tmp_path: Path) -> None:
    spec = made("isolation", namespace="drillproof-prove-shop", run="r")["spec"]
    assert at(spec, "podSelector") == {}
    assert at(spec, "policyTypes") == ["Ingress", "Egress"]
    ours = {"namespaceSelector": {"matchLabels": {LABEL: "r", "pod-security.kubernetes.io/enforce": "baseline"}}}
    assert at(spec, "ingress") == [{"from": [ours]}]
    first, names = cast("list[Json]", at(spec, "egress"))
    assert first == {"to": [ours]}
    assert {at(port, "port") for port in cast("list[Json]", at(names, "ports"))} == {53}
    found = ProofCluster(THERE, Api({}), tmp_path / "home").namespaces(("shop",))
    enforced = {text(each, "metadata", "name"): text(each, "metadata", "labels", barrier_label()) for each in found}
    assert enforced == {"drillproof-prove": "privileged", "drillproof-prove-shop": "baseline"}


def barrier_label() -> str:
    return "pod-security.kubernetes.io/enforce"


# ---------------------------------------------------------------- what is removed


class Api(Kubectl):
    """Namespaces, by name with their label."""

    def __init__(self, namespaces: dict[str, str]) -> None:
        super().__init__(Path("kubectl"), Path("config"))
        object.__setattr__(self, "there", namespaces)

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        there = cast("dict[str, str]", self.__dict__["there"])
        match args[:2]:
            case ("get", "namespace") if args[2] in there:
                labels = {LABEL: label} if (label := there[args[2]]) else {}
                return json.dumps({"metadata": {"name": args[2], "labels": labels}})
            case ("get", "restores.velero.io"):
                return json.dumps({"items": []})
            case ("delete", "namespace"):
                for name in args[2:]:
                    del there[name]
        return ""


def test_gc_removes_what_bears_the_label_and_nothing_else(tmp_path: Path) -> None:
    there = {"drillproof-prove": "proof-1", "drillproof-prove-shop": "", "shop": "proof-1"}
    cluster = ProofCluster(THERE, Api(there), tmp_path / "home")
    assert cluster.remove_leftovers() == ("namespace drillproof-prove of proof-1",)
    assert there == {"drillproof-prove-shop": "", "shop": "proof-1"}


def test_a_proof_removes_nothing_of_another_one(tmp_path: Path) -> None:
    there = {"drillproof-prove": "proof-1"}
    cluster = ProofCluster(THERE, Api(there), tmp_path / "home")
    cluster.down()
    assert there == {"drillproof-prove": "proof-1"}
    with pytest.raises(Misconfigured, match=r"another proof.*drillproof-prove; .* gc --context staging"):
        cluster.require_free()


def test_a_namespace_that_drillproof_did_not_make_is_never_touched(tmp_path: Path) -> None:
    cluster = ProofCluster(THERE, Api({"drillproof-prove-shop": ""}), tmp_path / "home")
    with pytest.raises(Misconfigured, match="did not create: drillproof-prove-shop;"):
        cluster.require_free()


class Restores(Api):
    """A restore whose finalizer a living Velero sets again and again, until it is being deleted."""

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        state = self.__dict__
        match args[:2]:
            case ("get", "restores.velero.io"):
                return json.dumps({"items": [{"metadata": {"name": "proof-x"}}]})
            case ("delete", "restores.velero.io"):
                assert "--wait=false" in args
                state["deleting"] = True
                return ""
            case ("patch", "restores.velero.io"):
                state["gone"] = state.get("deleting", False)
                return ""
            case ("delete", "namespace"):
                assert state.get("gone"), "the namespace would hang"
        return super().__call__(*args, stdin=stdin, within_s=within_s)


def test_a_restore_that_velero_holds_does_not_hold_its_namespace(tmp_path: Path) -> None:
    there = {"drillproof-prove": "proof-1", "drillproof-prove-shop": "proof-1"}
    assert len(ProofCluster(THERE, Restores(there), tmp_path / "home").remove_leftovers()) == 2
    assert there == {}


@pytest.mark.parametrize("broken", ["claim", "open", "address"])
def test_whatever_breaks_before_the_proof_begins_nothing_is_left(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    done: list[str] = []

    class Cluster:
        api = None
        names: Mapping[str, str] = {}
        removed_on_error = SharedCluster.removed_on_error

        def __getattr__(self, name: str) -> Callable[..., None]:
            def act(*_: object) -> None:
                done.append(name)
                if name == broken:
                    raise KeyboardInterrupt

            return act

        @property
        def kubectl(self) -> Cluster:
            return self

        @property
        def policy(self) -> ProofPolicy:
            return THERE

    found = preflight.Found(cast("ProofCluster", Cluster()), cast("OwnVelero", None), (), "v1", "me")
    monkeypatch.setattr(preflight.SharedProofs, "_look", lambda *_: found)
    bucket = good()
    recorded = velero_backup.read_backup(bucket, bucket.listing(), NAME)
    with pytest.raises(KeyboardInterrupt):
        preflight.SharedProofs(THERE).sandbox(
            OPTIONS, BackupInBucket(bucket, bucket.listing(), recorded, ()), lambda _: None
        )
    assert done[-2:] == [broken, "down"]


def test_velero_is_asked_for_what_may_be_there_under_other_names(tmp_path: Path) -> None:
    bucket = good()
    recorded = velero_backup.read_backup(bucket, bucket.listing(), NAME)
    cluster = ProofCluster(THERE, Api({}), tmp_path / "home")
    release = Release(Path("velero"), "velero:v1.16.2", "", Path)
    made = OwnVelero(cluster, release, recorded, restore_filter.Contents((), ())).wanted_restore(
        "proof-x", NAME, recorded.namespaces
    )
    assert text(made, "metadata", "namespace") == "drillproof-prove"
    assert at(made, "spec", "namespaceMapping") == {"shop": "drillproof-prove-shop"}
    asked = cast("list[str]", at(made, "spec", "includedResources"))
    assert not {"services", "jobs.batch", "cronjobs.batch", "networkpolicies.networking.k8s.io"} & set(asked)
    assert at(made, "spec", "labelSelector") == {
        "matchExpressions": [{"key": label, "operator": "DoesNotExist"} for label in restore_filter.OF_LEFT_OUT]
    }


# ---------------------------------------------------------------- what is said

PLACE: dict[str, Json] = {
    "context": "staging",
    "label": "proof-1",
    "namespaces": {"shop": "drillproof-prove-shop"},
    "network": {"held": False, "reached": ["the API server from x"], "stopped": []},
    "left_out": ["cronjobs.batch (1)"],
}


@pytest.mark.parametrize(("held", "said"), [(False, "configuration"), (True, "NetworkPolicies")])
def test_a_proof_beside_others_never_says_that_a_fence_held(prove: Callable[..., Path], held: bool, said: str) -> None:
    network: Json = {"held": held, "reached": [], "stopped": []}
    run = prove(more={"fenced": False, "place": {**PLACE, "network": network}})
    assert red(run) == []
    assert "fence-held" not in {each["check"] for each in told(run)["findings"]}
    network_is_open, left_out, *_ = told(run)["not_proved"]
    assert said in network_is_open
    assert "cronjobs.batch (1)" in left_out
    assert wrong("run", json.loads((run / "run.json").read_text())) == []


def test_claims_get_the_storage_class_that_is_allowed() -> None:
    made = mapped_classes(THERE, ("slow", "", "fast", "slow"))
    assert made["data"] == {"slow": "fast"}
    assert text(made, "metadata", "namespace") == "drillproof-prove"
    assert claim(storage_class="slow")
