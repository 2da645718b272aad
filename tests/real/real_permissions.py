"""What the accounts of clusters/{existing,prove,migrate} may do on a real API server, and what it forbids them.

    make test-real

Needs no cluster: etcd and the API server of the drill's own images run beside the test. Every object is created with
--dry-run=server, so all admission happens and nothing stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import pytest
import yaml
from api_server import api_server, as_account

from harness.clusters import rbac
from harness.clusters.images.versions import load
from harness.clusters.rbac import RBAC, Permission
from harness.core import resources
from harness.core.errors import Misconfigured, ToolFailed
from harness.core.json import items, text
from harness.core.kubernetes import Kubectl
from harness.core.model import Json
from harness.core.wait import NotYet, until
from harness.workflows.drill.shared_cluster import serves_needs

OWN, VELERO, PRODUCTION = "drillproof-custos", "velero", "bank"
ENFORCE = "pod-security.kubernetes.io/enforce"


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    with api_server(tmp_path_factory.mktemp("api")) as kubectl:
        for namespace in (PRODUCTION, "shop"):
            kubectl("create", "namespace", namespace)
        for file in ("existing/rbac.yaml", "prove/rbac.yaml", "migrate/source.yaml", "migrate/target.yaml"):
            kubectl("apply", "-f", str(resources.clusters() / file))
        for account in ("drillproof", "prove", "migrate"):
            denied = partial(_require_denied, as_account(kubectl, "drillproof", account), _namespace("x"))
            until(denied, waited_for="the admission policies to hold", within_s=30)
        yield kubectl


@pytest.fixture(scope="module")
def drill(admin: Kubectl) -> Kubectl:
    return as_account(admin, "drillproof", "drillproof")


@pytest.fixture(scope="module")
def proof(admin: Kubectl) -> Kubectl:
    return as_account(admin, "drillproof", "prove")


@pytest.fixture(scope="module")
def migration(admin: Kubectl) -> Kubectl:
    return as_account(admin, "drillproof", "migrate")


def create(kubectl: Kubectl, thing: Json) -> None:
    """As it would be; ToolFailed if the API server refuses it."""
    kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(thing))


def refusal(kubectl: Kubectl, thing: Json) -> str:
    with pytest.raises(ToolFailed) as refused:
        create(kubectl, thing)
    return refused.value.tail


def test_the_account_of_drills_sees_what_the_api_of_a_real_velero_has(drill: Kubectl) -> None:
    pinned = load()
    serves_needs(drill, pinned, "Velero")
    with pytest.raises(Misconfigured, match=r"lacks what a drill needs: Backup\.spec\.odd, Odd\.spec$"):
        serves_needs(drill, replace(pinned, needs=("Backup.spec.odd", "Odd.spec", *pinned.needs)), "Velero")


# ---------------------------------------------------------------- roles: nothing but the documented permissions


def kinds(admin: Kubectl) -> Iterator[tuple[str, str, bool]]:
    """Group, resource (also subresources) and whether it is namespaced, of all that the API server serves."""
    groups = json.loads(admin("get", "--raw", "/apis"))
    served = ["/api/v1", *(f"/apis/{text(g, 'preferredVersion', 'groupVersion')}" for g in items(groups, "groups"))]
    for path in served:
        for each in items(json.loads(admin("get", "--raw", path)), "resources"):
            group = path.removeprefix("/apis/").partition("/")[0] if path != "/api/v1" else ""
            yield group, text(each, "name"), each["namespaced"] is True  # type: ignore[index,call-overload] # of the API


VERBS = (
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "bind",
    "escalate",
    "impersonate",
)
EVERYBODY = {"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"}

IN_PRODUCTION = {
    # Its claims, since the UIDs of lost ones show that they are gone; and to bind roles, which the policy confines.
    "drillproof": {"list persistentvolumeclaims", "create rolebindings"},
    "prove": {"create rolebindings"},
    "migrate": {"list pods", "create rolebindings"},  # for the capacity of the target
}
IN_VELERO = {
    "drillproof": {
        *("list backups", "list restores", "list deletebackuprequests", "list podvolumebackups"),
        *("list podvolumerestores", "get backupstoragelocations", "list schedules", "get configmaps"),
        *("create backups", "create restores", "create deletebackuprequests"),
    },
    "prove": set(),
    "migrate": {
        *("list deployments", "list daemonsets", "list configmaps", "create configmaps", "list backupstoragelocations"),
        *("list backups", "list restores", "list podvolumebackups", "list podvolumerestores"),
        *("create backups", "create restores"),
    },
}
OF_THE_CLUSTER = {
    "drillproof": {"create namespaces", "list persistentvolumes", "get storageclasses"},
    "prove": {"create namespaces", "list persistentvolumes", "get storageclasses", "create subjectaccessreviews"},
    "migrate": {
        *("create namespaces", "list persistentvolumes", "list nodes", "list storageclasses", "list priorityclasses"),
        *("list runtimeclasses", "list ingressclasses", "list clusterroles"),
    },
}


@pytest.mark.parametrize("account", IN_PRODUCTION)
def test_an_account_may_do_nothing_else(admin: Kubectl, account: str) -> None:
    kubectl = as_account(admin, "drillproof", account)
    served = [each for each in kinds(admin) if each[1] not in EVERYBODY]
    assert len(served) > 100

    def may(namespace: str) -> set[str]:
        asked = tuple(
            Permission(verb, resource, group, "", namespace)
            for group, resource, namespaced in served
            for verb in VERBS
            if namespaced == bool(namespace)
        )
        return {f"{each.verb} {each.resource}" for each in set(asked) - set(rbac.missing(kubectl, asked))}

    assert may(PRODUCTION) == IN_PRODUCTION[account]
    assert may(VELERO) == IN_VELERO[account] | IN_PRODUCTION[account]
    assert may("") == OF_THE_CLUSTER[account]


@pytest.mark.parametrize("account", IN_PRODUCTION)
def test_an_account_may_delete_no_namespace_but_its_own(admin: Kubectl, account: str) -> None:
    own = {"drillproof": {OWN}, "prove": {"drillproof-prove", "drillproof-prove-shop"}, "migrate": {"shop"}}[account]
    names = {PRODUCTION, VELERO, "kube-system", "drillproof", OWN, "drillproof-prove", "drillproof-prove-shop", "shop"}
    asked = {name: Permission("delete", "namespaces", name=name) for name in names}
    missing = rbac.missing(as_account(admin, "drillproof", account), tuple(asked.values()))
    assert {name for name, each in asked.items() if each not in missing} == own


# ---------------------------------------------------------------- policies


def _namespace(name: str, standard: str = "baseline") -> Json:
    labels: Json = {ENFORCE: standard} if standard else {}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _binding(namespace: str, role: str) -> Json:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "x", "namespace": namespace},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "drillproof", "namespace": "drillproof"}],
    }


def _velero(kind: str, name: str, **spec: Json) -> Json:
    metadata: Json = {"name": name, "namespace": VELERO}
    return {"apiVersion": "velero.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _require_denied(kubectl: Kubectl, thing: Json) -> None:
    try:
        create(kubectl, thing)
    except ToolFailed as error:
        if "denied request" in error.tail:
            return
        raise
    raise NotYet("it is allowed")


MINE: Mapping[str, Json] = {"includedNamespaces": [OWN]}
DRILL_ALLOWED = {
    "the namespace": _namespace(OWN),
    "a backup": _velero(
        "Backup", "drill-1", includedNamespaces=[OWN], storageLocation="default", snapshotVolumes=False
    ),
    "a backup by a user's definition": _velero(
        "Backup",
        "drill-1",
        includedNamespaces=[OWN],
        labelSelector={"matchLabels": {"app": "db"}},
        defaultVolumesToFsBackup=True,
        resourcePolicy={"kind": "ConfigMap", "name": "policy"},
        hooks={"resources": [{"name": "dump", "pre": [{"exec": {"command": ["true"]}}]}]},
        itemOperationTimeout="1h",
    ),
    "a restore": _velero("Restore", "drill-1-1", backupName="drill-1", includedNamespaces=[OWN], restorePVs=True),
    "a deletion": _velero("DeleteBackupRequest", "drill-1-x", backupName="drill-1"),
}
DRILL_DENIED = {
    "another namespace": _namespace("another"),
    "the namespace without Pod Security": _namespace(OWN, ""),
    "the namespace for privileged pods": _namespace(OWN, "privileged"),
    "its role in another namespace": _binding(PRODUCTION, "drillproof-inside"),
    "a backup of production": _velero("Backup", "drill-1", includedNamespaces=[PRODUCTION]),
    "a backup of production, too": _velero("Backup", "drill-1", includedNamespaces=[OWN, PRODUCTION]),
    "a backup of everything": _velero("Backup", "drill-1", includedNamespaces=["*"]),
    "a backup without namespaces": _velero("Backup", "drill-1"),
    "a backup of another namespace's definition": _velero(
        "Backup", "drill-1", includedNamespaces=[PRODUCTION], defaultVolumesToFsBackup=True
    ),
    "a backup by another name": _velero("Backup", "nightly", includedNamespaces=[OWN]),
    "a backup of cluster-scoped objects": _velero("Backup", "drill-1", includeClusterResources=True, **MINE),
    "a backup of some cluster-scoped objects": _velero(
        "Backup", "drill-1", includedClusterScopedResources=["*"], **MINE
    ),
    "a restore into production": _velero(
        "Restore", "drill-1", backupName="drill-1", includedNamespaces=[OWN], namespaceMapping={OWN: PRODUCTION}
    ),
    "a restore of production's backup": _velero("Restore", "drill-1", backupName="nightly", **MINE),
    "a restore of a schedule's backup": _velero("Restore", "drill-1", backupName="drill-1", scheduleName="s", **MINE),
    "a restore of only a schedule's backup": _velero("Restore", "drill-1", scheduleName="nightly", **MINE),
    "a restore of all namespaces": _velero("Restore", "drill-1", backupName="drill-1"),
    "a restore of production": _velero("Restore", "drill-1", backupName="drill-1", includedNamespaces=[PRODUCTION]),
    "a restore of cluster-scoped objects": _velero(
        "Restore", "drill-1", backupName="drill-1", includeClusterResources=True, **MINE
    ),
    "a restore by another name": _velero("Restore", "x", backupName="drill-1", **MINE),
    "a deletion of production's backup": _velero("DeleteBackupRequest", "drill-1", backupName="nightly"),
    "a deletion without a backup": _velero("DeleteBackupRequest", "drill-1"),
}


@pytest.mark.parametrize("thing", DRILL_ALLOWED.values(), ids=DRILL_ALLOWED)
def test_a_drill_can_create_what_it_needs(drill: Kubectl, thing: Json) -> None:
    create(drill, thing)


@pytest.mark.parametrize("thing", DRILL_DENIED.values(), ids=DRILL_DENIED)
def test_a_drill_can_create_nothing_else(drill: Kubectl, thing: Json) -> None:
    assert "denied request" in refusal(drill, thing) or "Required value" in refusal(drill, thing)


def test_a_drill_cannot_take_the_pod_security_off_its_namespace(admin: Kubectl, drill: Kubectl) -> None:
    admin("create", "-f", "-", stdin=json.dumps(_namespace(OWN)))
    try:
        patch = json.dumps({"metadata": {"labels": {ENFORCE: None}}})
        with pytest.raises(ToolFailed) as refused:
            drill("patch", "namespace", OWN, "--patch", patch, "--dry-run=server")
        assert "denied request" in refused.value.tail
        create(drill, _binding(OWN, "drillproof-inside"))
        assert "forbidden" in refusal(drill, _binding(OWN, "cluster-admin"))
        drill("create", "-f", "-", stdin=json.dumps(_binding(OWN, "drillproof-inside")))
        pod: Mapping[str, Json] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": OWN}}
        create(drill, {**pod, "spec": PLAIN})
        for spec in PRIVILEGED:
            assert "violates PodSecurity" in refusal(drill, {**pod, "spec": {**PLAIN, **spec}})
    finally:
        admin("delete", "rolebinding", "x", f"--namespace={OWN}", "--ignore-not-found")


PLAIN: Mapping[str, Json] = {"containers": [{"name": "x", "image": "x"}]}
PRIVILEGED: tuple[Mapping[str, Json], ...] = (
    {"containers": [{"name": "x", "image": "x", "securityContext": {"privileged": True}}]},
    {"hostNetwork": True},
    {"hostPID": True},
    {"volumes": [{"name": "host", "hostPath": {"path": "/"}}]},
)


def test_a_proof_creates_its_own_namespaces_and_nobody_else_does(admin: Kubectl, proof: Kubectl) -> None:
    create(proof, _namespace("drillproof-prove", "privileged"))
    create(proof, _namespace("drillproof-prove-shop"))
    for thing in (
        _namespace("another"),
        _namespace("drillproof-prove-shop", "privileged"),
        _namespace("drillproof-prove-shop", ""),
        _binding(PRODUCTION, "drillproof-prove-inside"),
    ):
        assert "denied request" in refusal(proof, thing)
    # Otherwise everyone who may create namespaces could use the account that reads all Secrets.
    for name in ("drillproof-prove", "drillproof-prove-shop"):
        assert "only the account drillproof/prove" in refusal(admin, _namespace(name, "privileged"))


MIGRATION_ALLOWED = {
    "the namespace": _namespace("shop", ""),
    "a backup": _velero("Backup", "migrate-1", includedNamespaces=["shop"], storageLocation="default"),
    "a restore": _velero("Restore", "migrate-1", backupName="migrate-1", includedNamespaces=["shop"], restorePVs=True),
    "a restore under another name": _velero(
        "Restore", "migrate-1", backupName="migrate-1", includedNamespaces=["old"], namespaceMapping={"old": "shop"}
    ),
}
SHOP: Mapping[str, Json] = {"includedNamespaces": ["shop"]}
MIGRATION_DENIED = {
    "another namespace": _namespace("another"),
    "its role in another namespace": _binding(PRODUCTION, "drillproof-migrate"),
    "a backup of production": _velero("Backup", "migrate-1", includedNamespaces=[PRODUCTION]),
    "a backup of everything": _velero("Backup", "migrate-1"),
    "a backup by another name": _velero("Backup", "nightly", **SHOP),
    "a backup of cluster-scoped objects": _velero("Backup", "migrate-1", includeClusterResources=True, **SHOP),
    "a restore of production": _velero("Restore", "migrate-1", backupName="migrate-1", includedNamespaces=[PRODUCTION]),
    "a restore into production": _velero(
        "Restore", "migrate-1", backupName="migrate-1", namespaceMapping={"shop": PRODUCTION}, **SHOP
    ),
    "a restore of another backup": _velero("Restore", "migrate-1", backupName="nightly", **SHOP),
    "a restore of a schedule's backup": _velero(
        "Restore", "migrate-1", backupName="migrate-1", scheduleName="s", **SHOP
    ),
    "a restore of all namespaces": _velero("Restore", "migrate-1", backupName="migrate-1"),
    "a restore of two namespaces": _velero(
        "Restore", "migrate-1", backupName="migrate-1", includedNamespaces=["shop", PRODUCTION]
    ),
    "a restore of cluster-scoped objects": _velero(
        "Restore", "migrate-1", backupName="migrate-1", includeClusterResources=True, **SHOP
    ),
    "a deletion of a backup": _velero("DeleteBackupRequest", "x", backupName="migrate-1"),
}


@pytest.mark.parametrize("thing", MIGRATION_ALLOWED.values(), ids=MIGRATION_ALLOWED)
def test_a_migration_can_create_what_it_needs(migration: Kubectl, thing: Json) -> None:
    try:
        create(migration, thing)
    except ToolFailed as error:  # the source's namespace: admission comes before storage
        if "AlreadyExists" not in error.tail:
            raise


@pytest.mark.parametrize("thing", MIGRATION_DENIED.values(), ids=MIGRATION_DENIED)
def test_a_migration_can_create_nothing_else(migration: Kubectl, thing: Json) -> None:
    said = refusal(migration, thing)
    assert "denied request" in said or "forbidden" in said, said


def test_the_manifests_have_a_policy_for_every_account() -> None:
    bound = {
        rule["expression"]
        for file in ("existing/rbac.yaml", "prove/rbac.yaml", "migrate/source.yaml", "migrate/target.yaml")
        for each in yaml.safe_load_all((resources.clusters() / file).read_text())
        if each["kind"] == "ValidatingAdmissionPolicy"
        for rule in each["spec"]["matchConditions"]
    }
    for account in IN_PRODUCTION:
        assert any(f"system:serviceaccount:drillproof:{account}" in each for each in bound)
