"""A user's own definition of a restore: what is read, what is refused, and what its modifiers make of an object."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.backups.backup_definition import Definition, read
from harness.core.errors import Misconfigured

Document = dict[str, Any]

CONFIG: Document = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "shop", "labels": {"app": "shop", "tier": "web"}},
    "data": {"mode": "live", "size": "3"},
    "status": {"seen": True},
}
DEPLOYMENT: Document = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web-front", "namespace": "shop"},
    "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "web", "image": "registry.old/web:1"}]}}},
}


def rule(resource: str, *patches: Document, **more: Any) -> Document:  # noqa: ANN401 # of a manifest
    conditions = {"groupResource": resource, **more.pop("when", {})}
    return {"conditions": conditions, **({"patches": list(patches)} if patches else {}), **more}


def documents(*rules: Document, restore: Document | None = None, version: str = "v1") -> list[Document]:
    text = yaml.safe_dump({"version": version, "resourceModifierRules": list(rules)})
    spec = {"backupName": "any", "resourceModifier": {"kind": "ConfigMap", "name": "modifier"}, **(restore or {})}
    head = {"apiVersion": "velero.io/v1"}
    return [
        {**head, "kind": "Backup", "metadata": {"name": "b"}, "spec": {"includedNamespaces": ["shop"]}},
        {**head, "kind": "Restore", "metadata": {"name": "r"}, "spec": spec},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "modifier"}, "data": {"rules.yaml": text}},
    ]


def written(folder: Path, found: list[Document]) -> Path:
    file = folder / "nightly.yaml"
    file.write_text("---\n".join(map(yaml.safe_dump, found)))
    return file


def definition(folder: Path, *rules: Document, restore: Document | None = None) -> Definition:
    return read(written(folder, documents(*rules, restore=restore)))


REPLACE: Document = {"operation": "replace", "path": "/data/mode", "value": "restored"}
MATCH = {"matches": [{"path": "/data/mode", "value": "live"}]}

MODIFIES: tuple[tuple[Document, Document, Document], ...] = (
    (rule("configmaps", REPLACE), CONFIG, {"mode": "restored", "size": "3"}),
    (rule("configmaps", REPLACE, when=MATCH), CONFIG, {"mode": "restored", "size": "3"}),
    (rule("config*", REPLACE, when={"resourceNameRegex": "^sett"}), CONFIG, {"mode": "restored", "size": "3"}),
    (rule("configmaps", {**REPLACE, "operation": "remove"}), CONFIG, {"size": "3"}),
    (rule("configmaps", {**REPLACE, "path": "/data/size", "value": '"4"'}), CONFIG, {"mode": "live", "size": "4"}),
    (rule("configmaps", mergePatches=[{"patchData": "data: {mode: null}"}]), CONFIG, {"size": "3"}),
    (rule("configmaps", REPLACE, when={"namespaces": ["sh*"]}), CONFIG, {"mode": "restored", "size": "3"}),
)


@pytest.mark.parametrize(("one", "thing", "data"), MODIFIES)
def test_a_modifier_that_matches_changes_the_object(
    tmp_path: Path, one: Document, thing: Document, data: Document
) -> None:
    restore = definition(tmp_path, one).restore
    assert restore
    done = restore.modified(thing)
    assert done["data"] == data
    assert {**done, "data": thing["data"]} == thing


UNTOUCHED: tuple[Document, ...] = (
    rule("secrets", REPLACE),
    rule("configmaps", REPLACE, when={"namespaces": ["billing"]}),
    rule("configmaps", REPLACE, when={"resourceNameRegex": "^other$"}),
    rule("configmaps", REPLACE, when={"labelSelector": {"matchLabels": {"app": "other"}}}),
    rule("configmaps", REPLACE, when={"matches": [{"path": "/data/mode", "value": "stale"}]}),
    rule("configmaps", REPLACE, when={"matches": [{"path": "/data/none", "value": "x"}]}),
    rule("configmaps", {"operation": "test", "path": "/data/mode", "value": "stale"}, REPLACE),
    rule("configmaps", {**REPLACE, "path": "/data/none/deeper"}),
)


@pytest.mark.parametrize("one", UNTOUCHED)
def test_a_modifier_that_does_not_match_changes_nothing(tmp_path: Path, one: Document) -> None:
    restore = definition(tmp_path, one).restore
    assert restore
    assert restore.modified(CONFIG) == CONFIG


def test_values_are_json_where_velero_takes_them_for_it_and_rules_see_the_object_as_it_was(tmp_path: Path) -> None:
    scale = rule("deployments.apps", {"operation": "replace", "path": "/spec/replicas", "value": "1"})
    was = {"matches": [{"path": "/spec/replicas", "value": "3"}]}
    image = {"operation": "replace", "path": "/spec/template/spec/containers/0/image", "value": "registry.new/web:1"}
    restore = definition(tmp_path, scale, rule("deployments.apps", image, when=was)).restore
    assert restore
    spec = restore.modified(DEPLOYMENT)["spec"]
    assert isinstance(spec, dict)
    assert spec["replicas"] == 1
    assert spec["template"] == {"spec": {"containers": [{"name": "web", "image": "registry.new/web:1"}]}}


def test_its_restore_is_asked_for_the_namespace_of_the_drill_only(tmp_path: Path) -> None:
    hooks = [{"name": "ours", "includedNamespaces": ["shop"]}, {"name": "theirs", "includedNamespaces": ["billing"]}]
    asked = {"excludedResources": ["secrets"], "namespaceMapping": {"shop": "x"}, "hooks": {"resources": hooks}}
    found = definition(tmp_path, rule("configmaps", REPLACE), restore=asked)
    assert found.restore
    assert found.restore.asked("shop", "drill") == {
        "excludedResources": ["secrets"],
        "resourceModifier": {"kind": "ConfigMap", "name": "modifier"},
        "hooks": {"resources": [{"name": "ours", "includedNamespaces": ["drill"]}]},
    }
    assert len(list(found.restore.differs("shop", "drill"))) == 2
    assert [each["metadata"] for each in found.config_maps] == [{"name": "modifier"}]


def refused() -> dict[str, list[Document]]:
    good = documents(rule("configmaps", REPLACE))
    strategic = documents(rule("configmaps", strategicPatches=[{"patchData": "{}"}]))
    return {
        "beside its ConfigMaps and at most one Restore; it has: Backup b, Restore r, Restore r": [*good, good[1]],
        "which is not there; add it": good[:2],
        "must have one Backup or Schedule": good[1:],
        "unknown field spec.excludedResource, did you mean": documents(restore={"excludedResource": ["x"]}),
        "cannot follow strategicPatches; write mergePatches or patches": strategic,
        "has a resourcePolicy, which drillproof cannot drill": documents(
            rule("configmaps", REPLACE), restore={"resourcePolicy": {"kind": "ConfigMap", "name": "p"}}
        ),
        "version v1": documents(rule("configmaps", REPLACE), version="v2"),
        "no groupResource": documents(rule("", REPLACE)),
        "an operation of: add": documents(rule("configmaps", {**REPLACE, "operation": "change"})),
        "either patches or mergePatches": documents(rule("configmaps")),
        "is not valid: unterminated": documents(rule("configmaps", REPLACE, when={"resourceNameRegex": "["})),
    }


@pytest.mark.parametrize("said", refused())
def test_what_cannot_be_drilled_is_refused_in_one_line(tmp_path: Path, said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(written(tmp_path, refused()[said]))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
