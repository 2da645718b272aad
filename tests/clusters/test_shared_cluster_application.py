"""An application of the user's on a cluster that others use: it stays in one namespace, with the permissions it needs.

On a real cluster: tests/real/real_existing_cluster_application.py.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import shop

from harness.backups.object_store import ObjectStore
from harness.clusters import rbac
from harness.clusters.permissions_file import DrillPolicy
from harness.clusters.rbac import Permission
from harness.clusters.shared_cluster import DrillCluster
from harness.clusters.shared_velero import SharedVelero
from harness.core.errors import Misconfigured
from harness.core.json import items, text
from harness.core.kubernetes import Kubectl, Object
from harness.core.model import Json
from harness.workflows.drill import request, shared_cluster
from harness.workflows.drill.shared_cluster import Found, SharedDrills, role_in
from harness.workloads.application import Application
from harness.workloads.manifests.load import TargetCluster, load

THERE = TargetCluster("fast", "shop-drill", pulls=True)


def at_theirs(folder: Path, **texts: str) -> Application:
    return load(shop.write(folder, **texts), THERE)


def made(application: Application, kind: str) -> Object:
    assert application.by_manifests
    return next(each for each in application.by_manifests.to_deploy({}) if each["kind"] == kind)


# ---------------------------------------------------------------- one namespace


def test_it_is_of_the_namespace_that_is_allowed_unless_it_says_another(tmp_path: Path) -> None:
    assert at_theirs(tmp_path).namespace == "shop-drill"
    path = tmp_path / "shop.toml"
    path.write_text(shop.FILE.replace("[objectives]", 'namespace = "shop-drill"\n[objectives]', 1))
    assert load(path, THERE).namespace == "shop-drill"
    path.write_text(shop.FILE.replace("[objectives]", 'namespace = "prod"\n[objectives]', 1))
    with pytest.raises(Misconfigured, match=r"prod.*shop-drill"):
        load(path, THERE)


def test_its_claims_get_the_clusters_class_and_its_images_come_as_they_say(tmp_path: Path) -> None:
    application = at_theirs(tmp_path)
    claims = items(made(application, "StatefulSet"), "spec", "volumeClaimTemplates")
    assert [text(claim, "spec", "storageClassName") for claim in claims] == ["fast", "fast"]
    (web,) = items(made(application, "Deployment"), "spec", "template", "spec", "containers")
    assert text(web, "imagePullPolicy") == "Always"
    assert application.by_manifests
    assert all("storage class" in change for change in application.by_manifests.changes)


def of(kind: str, spec: str, api: str = "v1") -> str:
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: x}}\n{spec}"


def pod(spec: str) -> str:
    return of("Pod", f"spec: {{containers: [{{name: c, image: i}}], {spec}}}")


REACHING: tuple[tuple[str, str], ...] = (
    (of("Ingress", "spec: {}", "networking.k8s.io/v1"), "Ingress x takes traffic from outside"),
    (of("HTTPRoute", "spec: {}", "gateway.networking.k8s.io/v1"), "HTTPRoute x takes traffic from outside"),
    (of("Service", "spec: {type: LoadBalancer}"), r"Service x takes traffic from outside \(LoadBalancer\)"),
    (of("Service", "spec: {externalIPs: [192.0.2.1]}"), r"Service x takes traffic from outside \(externalIPs\)"),
    (pod("volumes: [{name: v, hostPath: {path: /var}}]"), "Pod x mounts hostPath .*v"),
    (pod("volumes: [{name: v, nfs: {server: s, path: /}}]"), "Pod x mounts nfs .*v"),
    (pod("volumes: [{name: v, csi: {driver: nfs.csi.k8s.io}}]"), "Pod x mounts csi .*v"),
    (pod("volumes: [{name: v, somethingNew: {}}]"), "Pod x mounts somethingNew .*v"),
    (
        of("Pod", "spec: {containers: [{name: c, image: i, livenessProbe: {tcpSocket: {host: prod, port: 1}}}]}"),
        "Pod x .*prod",
    ),
    (pod("hostNetwork: true"), "Pod x has hostNetwork"),
    (pod("hostNetwork: true, hostPID: true"), "Pod x has hostNetwork; Pod x has hostPID"),
    (
        of("Pod", "spec: {containers: [{name: c, image: i, securityContext: {privileged: true}}]}"),
        "Pod x has privileged",
    ),
    (of("PersistentVolumeClaim", "spec: {accessModes: [a], volumeName: pv-1}"), "takes the volume pv-1"),
    (of("RoleBinding", "subjects: [{kind: User, name: a, namespace: prod}]"), "RoleBinding x names the namespace prod"),
    (of("ConfigMap", "data: {a.sh: 'psql -h db-0.db.prod.svc.cluster.local'}"), "a service of the namespace prod"),
    (of("Secret", "data: {url: aHR0cDovL2RiLnByb2Quc3Zj}"), "Secret x names a service of the namespace prod"),
    (of("Secret", "metadata: {name: x, namespace: prod}"), "in the namespace prod"),
    (of("ClusterRole", "rules: []", "rbac.authorization.k8s.io/v1"), "ClusterRole x is in no namespace"),
)


@pytest.mark.parametrize(("manifest", "said"), REACHING)
def test_what_would_reach_outside_of_it_is_refused_in_one_line(tmp_path: Path, manifest: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as error:
        at_theirs(tmp_path, other=manifest)
    assert "\n" not in str(error.value)


STAYING = (
    of("Service", "spec: {type: ClusterIP}"),
    of("ConfigMap", "data: {namespace: prod, a.sh: 'db-0.db.shop-drill.svc kubernetes.default.svc $HOST.$SPACE.svc'}"),
    of("ConfigMap", "metadata: {name: x, labels: {namespace: prod}}"),
    of("RoleBinding", "subjects: [{kind: ServiceAccount, name: a, namespace: shop-drill}]"),
    pod("hostNetwork: false, volumes: [{name: a, emptyDir: {}}, {name: b, secret: {secretName: db}}]"),
)


@pytest.mark.parametrize("manifest", STAYING)
def test_what_stays_in_it_is_not_refused(tmp_path: Path, manifest: str) -> None:
    assert at_theirs(tmp_path, other=manifest).stores == ("shop-mysql",)


@pytest.mark.parametrize(
    "manifest",
    [
        manifest
        for manifest, _ in REACHING[:15]
        if "kind: HTTPRoute" not in manifest and "kind: RoleBinding" not in manifest
    ],
)
def test_on_a_cluster_of_ours_there_is_nobody_to_be_reached(tmp_path: Path, manifest: str) -> None:
    assert load(shop.write(tmp_path, other=manifest)).stores == ("shop-mysql",)


# ---------------------------------------------------------------- permissions

SERVED: dict[str, list[Json]] = {
    "v1": [{"kind": "Secret", "name": "secrets", "namespaced": True}, {"kind": "Node", "name": "nodes"}],
    "apps/v1": [
        {"kind": "StatefulSet", "name": "statefulsets", "namespaced": True},
        {"kind": "Deployment", "name": "deployments", "namespaced": True},
        {"kind": "Scale", "name": "deployments/scale", "namespaced": True},
    ],
    "rbac.authorization.k8s.io/v1": [
        {"kind": "Role", "name": "roles", "namespaced": True},
        {"kind": "RoleBinding", "name": "rolebindings", "namespaced": True},
        {"kind": "ClusterRole", "name": "clusterroles", "namespaced": False},
    ],
}


def discovery(*args: str, stdin: str | None = None, within_s: float = 60) -> str:
    """A cluster that says which kinds it has."""
    if args == ("api-versions",):
        return "\n".join(SERVED)
    assert args[:2] == ("get", "--raw")
    where, _, api = args[2].removeprefix("/").partition("/")
    assert where == ("apis" if "/" in api else "api")
    return json.dumps({"resources": SERVED[api]})


def needed(*things: Object) -> str:
    known = rbac.listed("drill-inside", namespace="shop-drill")
    return rbac.describe(rbac.needed_for(discovery, things, "shop-drill", known))


def thing(api: str, kind: str, **more: Json) -> Object:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "x"}, **more}


RBAC = "rbac.authorization.k8s.io/v1"


def test_its_kinds_say_which_rights_it_takes_beside_those_of_every_drill(tmp_path: Path) -> None:
    application = at_theirs(tmp_path)
    assert application.by_manifests
    assert needed(*application.by_manifests.objects) == "create, patch deployments.apps in shop-drill"
    assert needed(thing("v1", "Secret"), thing("v1", "Namespace"), thing("apps/v1", "StatefulSet")) == ""


def test_who_gives_rights_to_others_has_to_be_allowed_just_that() -> None:
    group = "rbac.authorization.k8s.io"
    assert needed(thing(RBAC, "Role")) == f"create, patch, escalate roles.{group} in shop-drill"
    bound = needed(thing(RBAC, "RoleBinding", roleRef={"kind": "ClusterRole", "name": "view"}))
    assert bound == f"create, patch rolebindings.{group} in shop-drill; bind clusterroles.{group} view in shop-drill"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (thing("v1", "Node"), "Node x is not namespaced, and a drill creates nothing outside shop-drill"),
        (thing("apps/v1", "Scale"), "the cluster does not serve Scale of apps/v1: leave Scale x out"),
        (thing("example.org/v1", "Thing"), r"the cluster does not serve Thing of example.org/v1"),
    ],
)
def test_a_kind_that_cannot_be_made_in_a_namespace_is_one_line(wanted: Object, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        needed(wanted)


def test_a_rule_for_one_object_grants_what_is_asked_of_this_one() -> None:
    rule = {"apiGroups": ["g"], "resources": ["clusterroles"], "verbs": ["bind"], "resourceNames": ["view"]}
    assert rbac.not_granted([rule], [Permission("bind", "clusterroles", "g", "view", "n")]) == ()
    assert len(rbac.not_granted([rule], [Permission("bind", "clusterroles", "g", "edit", "n")])) == 1


def test_the_rights_are_asked_for_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    more = (Permission("create", "deployments", "apps", namespace="shop-drill"),)
    monkeypatch.setattr(rbac, "missing", lambda _, wanted: tuple(each for each in wanted if each in more))
    role = {"rules": [{"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["create"]}]}
    kubectl = cast("Kubectl", lambda *_, **__: json.dumps(role))
    inside = role_in(ALLOWED)
    inside = replace(inside, permissions=(*inside.permissions, *more))
    with pytest.raises(Misconfigured) as error:
        shared_cluster._has_permissions(kubectl, ALLOWED, inside)
    for fact in ("staging: create deployments.apps in shop-drill;", "clusters/existing/rbac.yaml", "drillproof-inside"):
        assert fact in str(error.value)


# ---------------------------------------------------------------- what would be made

STORE = ObjectStore("", "http://objects", "backups", "key", "other-secret", "eu", "a/")
ALLOWED = DrillPolicy("staging", "shop-drill", "fast", "mirror:5000", "velero", "default", STORE, "drillproof-inside")


def test_a_dry_run_prints_every_object_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text_ = shop.DATABASE.replace("{name: MYSQL_DATABASE, value: shop}", "{name: API_TOKEN, value: in-plain-text}")
    file = shop.FILE + '[[generate]]\nsecret = "more"\nkeys = ["token"]\n'
    application = at_theirs(tmp_path, database=text_, file=file)
    assert application.by_manifests
    kubectl = cast("Kubectl", lambda *_, **__: "")
    cluster = DrillCluster(ALLOWED, kubectl, tmp_path / "home")
    found = Found(cluster, role_in(ALLOWED), "drillproof", "v1.34", "velero/velero:v1.16.2", "restic", brought=True)
    monkeypatch.setattr(shared_cluster, "look", lambda *_: found)
    monkeypatch.setattr(SharedVelero, "wanted_checks", lambda *_: ())
    (asked,) = request.options(["namespace_loss"], application=application)
    place = SharedDrills(ALLOWED)
    printed = place.planned(place.settled(asked))
    names = [f"{text(each, 'kind')} {text(each, 'metadata', 'name')}" for each in printed]
    assert names[:4] == ["Namespace shop-drill", "RoleBinding drillproof", "ConfigMap first-start", "Secret more"]
    assert {"Secret db", "StatefulSet db", "Deployment web", "Backup drill-the-run"} <= set(names)
    said = json.dumps(printed)
    assert not [word for word in ("correct-horse", "till-clerk", "in-plain-text") if word in said]
    assert '{"root-password": "...", "user": "..."}' in said
    assert '"nginx:1"' in said  # its images are not the mirror's
    assert {text(each, "metadata", "namespace") for each in printed} <= {"", "shop-drill", "velero"}


def test_its_images_are_told_to_come_from_where_its_manifests_say(tmp_path: Path) -> None:
    cluster = DrillCluster(ALLOWED, cast("Kubectl", None), tmp_path / "home")
    found = Found(cluster, role_in(ALLOWED), "", "v", "i", "restic")
    assert found.facts()["images from"] == "mirror:5000"
    assert "their own registries" in str(replace(found, brought=True).facts()["images from"])
