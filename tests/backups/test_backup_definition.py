"""A user's own definition of a backup: what is read, what is refused, and what Velero would copy by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.backups.backup_definition import Definition, of, read
from harness.backups.backup_selection import COPY, SNAPSHOT, Selection, names_of, quantity, span
from harness.clusters.images import versions
from harness.core.errors import Misconfigured

Document = dict[str, Any]

HOOK: Document = {"name": "dump", "pre": [{"exec": {"command": ["/dump.sh"]}}]}
SPEC: Document = {"includedNamespaces": ["shop"], "defaultVolumesToFsBackup": True}


def schedule(**spec: Any) -> Document:  # noqa: ANN401 # of a manifest
    kept = {key: value for key, value in (SPEC | spec).items() if value is not None}
    return {
        "apiVersion": "velero.io/v1",
        "kind": "Schedule",
        "metadata": {"name": "nightly"},
        "spec": {"schedule": "@daily", "template": kept},
    }


def policy(*policies: Document, **more: Any) -> Document:  # noqa: ANN401 # as above
    text = yaml.safe_dump({"version": "v1", "volumePolicies": list(policies), **more})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "policy"}, "data": {"policy.yaml": text}}


def when(action: str, **conditions: Any) -> Document:  # noqa: ANN401 # as above
    return {"conditions": conditions, "action": {"type": action}}


BY_POLICY = {"resourcePolicy": {"kind": "ConfigMap", "name": "policy"}}


def written(folder: Path, *documents: Any) -> Path:  # noqa: ANN401 # as above
    file = folder / "nightly.yaml"
    file.write_text("---\n".join(yaml.safe_dump(each) for each in documents))
    return file


def definition(spec: Document | None = None, *policies: Document) -> Definition:
    maps = {"policy": policy(*policies)} if policies else {}
    return of(schedule(**(spec or {}), **(BY_POLICY if policies else {})), maps, "nightly.yaml")


def test_a_schedule_and_the_config_map_of_its_policy_are_read_from_one_file(tmp_path: Path) -> None:
    found = read(written(tmp_path, policy(when("skip", storageClass=["scratch"])), schedule(**BY_POLICY)))
    assert (found.called, found.spec["includedNamespaces"], len(found.policies)) == ("Schedule nightly", ["shop"], 1)
    assert found.decides_by_class
    backup = {**schedule(), "kind": "Backup", "spec": SPEC}
    assert read(written(tmp_path, backup)).called == "Backup nightly"


POD: Document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}
REFUSED: tuple[tuple[tuple[Any, ...], str], ...] = (
    ((POD,), "is Pod of v1, and neither a Backup nor a Schedule"),
    ((), "must have one Backup or Schedule.*has: none"),
    ((schedule(), schedule()), "has: Schedule nightly, Schedule nightly"),
    (("text",), "has a document that is no object"),
    (({**schedule(), "apiVersion": "velero.io/v2"},), "neither"),
    (({**schedule(), "spec": {"schedule": "@daily"}},), "spec.template is missing"),
    ((schedule(includedNamespace=["shop"]),), "unknown field spec.template.includedNamespace, did you mean incl"),
    ((schedule(includedNamespaces="shop"),), "spec.template.includedNamespaces must be a list"),
    ((schedule(snapshotVolumes="no"),), "spec.template.snapshotVolumes must be a flag"),
    ((schedule(hooks={"resources": [{"name": "x", "before": []}]}),), "unknown field .*before"),
    ((schedule(**BY_POLICY),), "names the ConfigMap policy as its resourcePolicy, which is not there"),
    ((schedule(resourcePolicy={"kind": "Secret", "name": "x"}),), "resourcePolicy that is no ConfigMap"),
    ((schedule(labelSelector={"matchLabels": {"a": "b"}}, orLabelSelectors=[{"matchLabels": {}}]),), "has both"),
    ((schedule(excludedResources=["x"], includedNamespaceScopedResources=["y"]),), "mixes old and new filters"),
    ((schedule(excludedNamespaces=["shop"]),), "includes and excludes shop"),
    ((schedule(**BY_POLICY), policy(when("drop"))), "unknown action 'drop'"),
    ((schedule(**BY_POLICY), policy(when("skip", size="1Gi"))), "unknown field volumePolicies.0..conditions.size"),
    ((schedule(**BY_POLICY), policy(when("skip", capacity="1Gi"))), "capacity: '1Gi' is no range"),
    ((schedule(**BY_POLICY), policy(version="v2")), "version must be v1"),
    ((schedule(**BY_POLICY), {**policy(), "data": {}}), "must have one key under data, not 0"),
    ((schedule(**BY_POLICY), policy(includeExcludePolicy={"x": []})), "includeExcludePolicy, which drillproof cannot"),
)


@pytest.mark.parametrize(("documents", "said"), REFUSED)
def test_what_is_no_valid_definition_is_refused_in_one_line(
    tmp_path: Path, documents: tuple[Any, ...], said: str
) -> None:
    with pytest.raises(Misconfigured, match=said) as refused:
        read(written(tmp_path, *documents))
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none.yaml cannot be read: No such file"):
        read(tmp_path / "none.yaml")


LANES = versions.load().lanes


@pytest.mark.parametrize(
    ("spec", "lane", "said"),
    [
        ({}, "1.16", ""),
        ({"includedNamespaces": None}, "1.16", ""),
        ({"includedNamespaces": ["*"]}, "1.16", ""),
        ({"includedNamespaces": ["other"]}, "1.16", "does not back up the namespace shop"),
        ({"includedNamespaces": None, "excludedNamespaces": ["shop"]}, "1.16", "does not back up the namespace shop"),
        ({"includedNamespaces": ["sh*"]}, "1.18", ""),
        ({"includedNamespaces": ["sh*"]}, "1.17", "namespace patterns, which Velero 1.17 does not know"),
        ({"includedNamespaces": ["sh*", "shop"]}, "1.16", ""),
    ],
)
def test_the_namespace_of_the_application_must_be_included(spec: Document, lane: str, said: str) -> None:
    if not said:
        definition(spec).require("shop", LANES[lane])
        return
    with pytest.raises(Misconfigured, match=said):
        definition(spec).require("shop", LANES[lane])


@pytest.mark.parametrize("wanted", [when("skip", pvcPhase=["Pending"]), when("custom", volumeTypes=["emptyDir"])])
def test_what_a_lane_does_not_know_is_refused_with_it(wanted: Document) -> None:
    definition({}, wanted).require("shop", LANES["1.18"])
    with pytest.raises(Misconfigured, match=r"which Velero 1.16 does not know"):
        definition({}, wanted).require("shop", LANES["1.16"])


@pytest.mark.parametrize("conditions", [{"csi": {}}, {"nfs": {}}, {"volumeTypes": ["emptyDir", "local"]}])
def test_a_policy_by_storage_that_a_drill_lacks_is_refused(conditions: Document) -> None:
    with pytest.raises(Misconfigured, match="volumes of a drill's own cluster are local"):
        definition({}, when("skip", **conditions)).require_local()
    definition({}, when("skip", **conditions)).require_local(("standard",))


def test_a_policy_by_class_is_refused_where_all_claims_have_another() -> None:
    found = definition({}, when("skip", storageClass=["scratch"], volumeTypes=["emptyDir"]))
    found.require_local()
    with pytest.raises(Misconfigured, match=r"StorageClass \(scratch\), and all claims .* have standard"):
        found.require_local(("standard",))


ASKED: Document = {
    "includedNamespaces": ["shop", "billing"],
    "excludedNamespaces": ["tests"],
    "storageLocation": "offsite",
    "volumeSnapshotLocations": ["aws"],
    "includeClusterResources": True,
    "itemOperationTimeout": "1h",
    "ttl": "720h",
    "excludedResources": ["events"],
    "orderedResources": {"pods": "shop/db-1,billing/x-0,shop/db-0"},
    "hooks": {
        "resources": [
            {**HOOK, "includedNamespaces": ["shop"], "excludedNamespaces": ["tests"]},
            {**HOOK, "name": "all"},
            {**HOOK, "name": "theirs", "includedNamespaces": ["billing"]},
            {**HOOK, "name": "not ours", "excludedNamespaces": ["sho*"]},
        ]
    },
}


def test_the_backup_of_a_drill_is_the_users_for_the_drilled_namespace() -> None:
    found = definition(ASKED)
    asked = found.asked("shop", "drilled", "default")
    assert asked == {
        "includedNamespaces": ["drilled"],
        "defaultVolumesToFsBackup": True,
        "includeClusterResources": True,
        "itemOperationTimeout": "1h",
        "ttl": "720h",
        "excludedResources": ["events"],
        "orderedResources": {"pods": "drilled/db-1,drilled/db-0"},
        "hooks": {"resources": [{**HOOK, "includedNamespaces": ["drilled"]}, {**HOOK, "name": "all"}]},
        "snapshotVolumes": False,
        "storageLocation": "default",
    }
    assert found.asked("shop", "drilled", "x", shared=True).keys() == asked.keys() - {"includeClusterResources", "ttl"}
    lines = "\n".join(found.differs("shop", "drilled", "default", shared=True))
    for fact in ("(shop, billing) shop is drilled, as drilled", "offsite is default", "hook theirs", "hook not ours"):
        assert fact in lines
    assert "includeClusterResources is not drilled" in lines
    assert "volumeSnapshotLocations is not drilled" in lines


# ---------------------------------------------------------------- what Velero would copy


def pod(annotations: Document | None = None, **labels: str) -> Document:
    volumes: list[Document] = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}},
        {"name": "spare", "emptyDir": {}},
        {"name": "scripts", "configMap": {"name": "scripts"}},
        {"name": "host", "hostPath": {"path": "/"}},
        {"name": "unused", "emptyDir": {}},
    ]
    mounts = [{"name": each["name"]} for each in volumes if each["name"] != "unused"]
    meta = {"name": "db-0", "namespace": "shop", "annotations": annotations or {}, "labels": labels}
    return {"kind": "Pod", "metadata": meta, "spec": {"containers": [{"volumeMounts": mounts}], "volumes": volumes}}


CLAIM: Document = {
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data-db-0", "namespace": "shop", "labels": {"tier": "gold"}},
    "spec": {
        "storageClassName": "fast",
        "accessModes": ["ReadWriteOnce"],
        "volumeName": "pv-1",
        "resources": {"requests": {"storage": "10Gi"}},
    },
}
VOLUME: Document = {
    "metadata": {"name": "pv-1"},
    "spec": {"capacity": {"storage": "20Gi"}, "storageClassName": "fast", "csi": {"driver": "d", "volumeHandle": "h"}},
}
ASKS = {"backup.velero.io/backup-volumes": "data, gone, host"}
EXCEPTS = {"backup.velero.io/backup-volumes-excludes": "data"}


def copied(found: Selection, thing: Document) -> list[str]:
    return [each.volume for each in found.choices(thing) if each.action == COPY]


@pytest.mark.parametrize(
    ("spec", "annotations", "volumes"),
    [
        ({}, {}, []),
        ({}, ASKS, ["gone", "data", "host"]),  # what cannot be copied is missed later
        ({"defaultVolumesToFsBackup": True}, {}, ["data", "spare"]),
        ({"defaultVolumesToRestic": True}, {}, ["data", "spare"]),
        ({"defaultVolumesToFsBackup": True}, EXCEPTS, ["spare"]),
        ({"defaultVolumesToFsBackup": True, "excludedResources": ["pvc"]}, {}, ["spare"]),
        ({"includedResources": ["pods"]}, ASKS, ["gone", "host"]),
    ],
)
def test_volumes_are_copied_by_the_spec_and_the_annotations(
    spec: Document, annotations: Document, volumes: list[str]
) -> None:
    assert copied(Selection(spec), pod(annotations)) == volumes


CONDITIONS: tuple[tuple[Document, bool], ...] = (
    ({}, True),
    ({"capacity": "10Gi,"}, True),
    ({"capacity": "20Gi,20Gi"}, True),
    ({"capacity": ",15Gi"}, False),
    ({"capacity": "21Gi,"}, False),
    ({"storageClass": ["slow", "fast"]}, True),
    ({"storageClass": ["slow"]}, False),
    ({"csi": {}}, True),
    ({"csi": {"driver": "d"}}, True),
    ({"csi": {"driver": "e"}}, False),
    ({"csi": {"driver": "d", "volumeAttributes": {"a": "b"}}}, False),
    ({"nfs": {}}, False),
    ({"volumeTypes": ["csi"]}, True),
    ({"volumeTypes": ["local"]}, False),
    ({"pvcLabels": {"tier": "gold"}}, True),
    ({"pvcLabels": {"tier": "gold", "x": "y"}}, False),
    ({"pvcPhase": ["Bound"]}, True),
    ({"pvcPhase": ["Pending"]}, False),
    ({"pvcVolumeMode": "Filesystem"}, True),
    ({"pvcVolumeMode": "Block"}, False),
    ({"pvcAccessModes": ["ReadWriteOnce"]}, True),
    ({"pvcAccessModes": ["ReadWriteMany"]}, False),
    ({"storageClass": ["fast"], "capacity": ",1Gi"}, False),
)


@pytest.mark.parametrize(("conditions", "matches"), CONDITIONS)
def test_a_policy_skips_the_volumes_for_which_all_its_conditions_hold(conditions: Document, *, matches: bool) -> None:
    found = definition({}, when("skip", **conditions)).selection([CLAIM], [VOLUME])
    (data,) = (each for each in found.choices(pod(ASKS)) if each.volume == "data")
    assert (data.action == "skip") is matches
    assert (data.action == COPY) is not matches


def test_the_first_policy_that_matches_decides() -> None:
    policies = when("fs-backup", pvcLabels={"tier": "gold"}), when("snapshot", storageClass=["fast"]), when("skip")
    found = definition({"defaultVolumesToFsBackup": False}, *policies)
    assert [each.action for each in found.selection([CLAIM]).choices(pod())][:2] == [COPY, "skip"]
    no_labels = {**CLAIM, "metadata": {"name": "data-db-0", "namespace": "shop"}}
    assert found.selection([no_labels]).choices(pod())[0].action == SNAPSHOT


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({}, ""),
        ({"labelSelector": {"matchLabels": {"app": "db"}}}, ""),
        ({"labelSelector": {"matchLabels": {"app": "web"}}}, "labelSelector"),
        ({"orLabelSelectors": [{"matchLabels": {"app": "web"}}, {"matchLabels": {"app": "db"}}]}, ""),
        ({"orLabelSelectors": [{"matchLabels": {"app": "web"}}]}, "orLabelSelectors"),
        ({"includedResources": ["*"]}, ""),
        ({"includedResources": ["secrets"]}, "includedResources"),
        ({"excludedResources": ["pods"]}, "excludedResources"),
        ({"excludedNamespaceScopedResources": ["po"]}, "excludedNamespaceScopedResources"),
        ({"includedNamespaceScopedResources": ["pod", "secrets"]}, ""),
    ],
)
def test_objects_are_included_by_kind_and_labels(spec: Document, why: str) -> None:
    found = Selection(spec).why_not({"apiVersion": "v1", **pod(app="db")})
    assert (why in found) if why else not found
    assert "label" in Selection({}).why_not({"metadata": {"labels": {"velero.io/exclude-from-backup": "true"}}})


@pytest.mark.parametrize(
    ("kind", "version", "name"),
    [
        ("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
        ("Ingress", "networking.k8s.io/v1", "ingresses"),
        ("Endpoints", "v1", "endpoints"),
        ("Deployment", "apps/v1", "deployments.apps"),
        ("Gateway", "x/v1", "gateways"),
        ("StatefulSet", "apps/v1", "sts"),
    ],
)
def test_kinds_have_the_names_that_velero_takes(kind: str, version: str, name: str) -> None:
    assert name in names_of(kind, version)


def test_quantities_are_those_of_kubernetes() -> None:
    assert [int(quantity(word)) for word in ("1Gi", "2k", "1e3", "1500m", "3", "1Ki")] == [
        2**30,
        2000,
        1000,
        1,
        3,
        1024,
    ]
    assert [int(each) for each in span(" 1Gi , 2Gi")] == [2**30, 2**31]
    with pytest.raises(ValueError, match="no quantity"):
        quantity("much")
