"""What of an application a user's definition of a backup leaves out: told before a drill, recorded, and judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import shop
import yaml
from verdicts import FAILED, PASSED, UNKNOWN, judged

from harness.backups.backup_definition import read
from harness.backups.object_store import ObjectStore
from harness.checks import backup
from harness.cli import app as cli
from harness.clusters.permissions_file import DrillPolicy
from harness.clusters.shared_cluster import DrillCluster
from harness.core.errors import Misconfigured
from harness.core.model import Json
from harness.workflows.drill import definition as definitions
from harness.workflows.drill import request, shared_cluster
from harness.workflows.drill.shared_cluster import Found, SharedDrills, role_in
from harness.workloads.manifests.load import OWN_CLUSTER, TargetCluster, load

Document = dict[str, Any]
UPLOADS = "volume uploads of web-*"
MOUNTED = {
    "database": shop.DATABASE.replace("[{name: dump,", "[{name: data, mountPath: /data}, {name: dump,"),
    "web": shop.WEB.replace("Always}]", "Always, volumeMounts: [{name: uploads, mountPath: /x}]}]"),
}


def schedule(folder: Path, *policies: Document, **spec: Any) -> Path:  # noqa: ANN401 # of a manifest
    template = {"includedNamespaces": ["shop"], "defaultVolumesToFsBackup": True, **spec}
    if policies:
        template["resourcePolicy"] = {"kind": "configmap", "name": "policy"}
    head = {"apiVersion": "velero.io/v1", "kind": "Schedule", "metadata": {"name": "nightly"}}
    found: list[Document] = [{**head, "spec": {"schedule": "@daily", "template": template}}]
    if policies:
        text = yaml.safe_dump({"version": "v1", "volumePolicies": list(policies)})
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "policy"}, "data": {"p": text}})
    file = folder / "nightly.yaml"
    file.write_text("---\n".join(map(yaml.safe_dump, found)))
    return file


def skip(**conditions: Any) -> Document:  # noqa: ANN401 # as above
    return {"conditions": conditions, "action": {"type": "skip"}}


def coverage(folder: Path, *policies: Document, **spec: Any) -> definitions.Coverage:  # noqa: ANN401 # as above
    file = schedule(folder, *policies, **spec)
    found = read(file)
    application = load(shop.write(folder, **MOUNTED), replace(OWN_CLUSTER, definition=found))
    (options,) = request.options(("namespace_loss",), application=application, definition=found)
    assert options.coverage
    return options.coverage


ALL_OF_IT: tuple[Document, ...] = ({}, {"includedNamespaces": ["*"]}, {"excludedResources": ["events"]})


@pytest.mark.parametrize("spec", ALL_OF_IT)
def test_a_definition_that_includes_all_says_so_first(tmp_path: Path, spec: Document) -> None:
    found = coverage(tmp_path, **spec)
    assert found.left_out == ()
    assert next(iter(found.lines)).endswith("backs up all of the application")


LEAVES: tuple[tuple[tuple[Document, ...], Document, dict[str, tuple[str, bool]]], ...] = (
    ((skip(capacity=",1Gi"),), {}, {"volume data of db-0": ("mysql", True), "volume dump of db-0": ("mysql", True)}),
    ((), {"excludedResources": ["secrets"]}, {"Secret db": ("", True)}),
    ((), {"labelSelector": {"matchLabels": {"app": "x"}}}, {"Secret db": ("", True), "StatefulSet db": ("", True)}),
    ((), {"excludedResources": ["persistentvolumeclaims"]}, {"volume data of db-0": ("mysql", True)}),
    # By the annotation only the dump is copied, and what comes back is compared; of the other claim's files nothing is.
    ((), {"defaultVolumesToFsBackup": False}, {"volume data of db-0": ("mysql", False), UPLOADS: ("", True)}),
    ((skip(storageClass=["gp3"]),), {}, {"volume data of db-0": ("mysql", False)}),
)


@pytest.mark.parametrize(("policies", "spec", "expected"), LEAVES)
def test_what_it_leaves_out_is_named(
    tmp_path: Path, policies: tuple[Document, ...], spec: Document, expected: dict[str, tuple[str, bool]]
) -> None:
    found = coverage(tmp_path, *policies, **spec)
    left = {each.what: (each.store.replace("shop-", ""), each.judged) for each in found.left_out}
    assert expected.items() <= left.items()
    first = next(iter(found.lines))
    assert first.startswith("NOT backed up" if found.left_out[0].judged else "not copied")


def with_restore(folder: Path, **spec: Any) -> Path:  # noqa: ANN401 # of a manifest
    file = schedule(folder)
    head: Document = {"apiVersion": "velero.io/v1", "kind": "Restore", "metadata": {"name": "recover"}}
    file.write_text(file.read_text() + "---\n" + yaml.safe_dump({**head, "spec": {"scheduleName": "nightly", **spec}}))
    return file


def test_what_the_restore_leaves_out_is_named_with_it(tmp_path: Path) -> None:
    found = read(with_restore(tmp_path, excludedResources=["secrets"]))
    application = load(shop.write(tmp_path, **MOUNTED), replace(OWN_CLUSTER, definition=found))
    (options,) = request.options(("namespace_loss",), application=application, definition=found)
    assert options.coverage
    (left,) = options.coverage.left_out
    assert (left.what, left.restore, left.judged) == ("Secret db", True, True)
    assert next(iter(options.coverage.lines)).startswith("NOT restored by the Restore recover: Secret db: excluded")
    assert options.coverage.facts["restore"]
    assert options.coverage.modified is None


def test_a_hook_that_runs_in_no_pod_is_named(tmp_path: Path) -> None:
    exec_: Document = {"exec": {"command": ["/dump", "--password=much-secret"]}}
    hook = {"name": "dump", "labelSelector": {"matchLabels": {"app": "none"}}, "pre": [exec_]}
    found = coverage(tmp_path, hooks={"resources": [hook]})
    assert [(each.what, each.why) for each in found.left_out] == [("pre hook dump", "it selects no pod")]
    assert "much-secret" not in json.dumps(found.facts)
    assert "/dump" in json.dumps(found.facts)


@pytest.mark.parametrize("spec", [{"snapshotVolumes": True}, {"snapshotMoveData": True}])
def test_snapshots_that_are_asked_for_are_refused(tmp_path: Path, spec: Document) -> None:
    with pytest.raises(Misconfigured, match=r"takes snapshots of data of db-0, uploads of web"):
        coverage(tmp_path, defaultVolumesToFsBackup=False, **spec)


def test_a_definition_of_other_namespaces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"Schedule nightly does not back up the namespace shop"):
        coverage(tmp_path, includedNamespaces=["billing"])


def test_the_namespace_that_the_users_cluster_has_is_the_one_that_counts(tmp_path: Path) -> None:
    file = shop.write(tmp_path, file='original_namespace = "shop-prod"\n' + shop.FILE)
    application, found = load(file), read(schedule(tmp_path, includedNamespaces=["shop-prod"]))
    (options,) = request.options(("namespace_loss",), application=application, definition=found)
    assert options.coverage
    assert (options.coverage.own, options.coverage.drilled) == ("shop-prod", "shop")


def test_the_built_in_application_is_held_against_a_definition(tmp_path: Path) -> None:
    found = read(schedule(tmp_path, includedNamespaces=None, excludedResources=["configmaps"]))
    (options,) = request.options(("namespace_loss",), stores=["postgres"], definition=found)
    assert options.coverage
    assert any(each.what.startswith("ConfigMap postgres") for each in options.coverage.left_out)
    assert options.way == "dump by nightly"
    assert replace(options, item_block_workers=1).way == "dump by nightly with item-block-worker-count=1"


def test_claims_keep_their_class_where_a_policy_decides_by_it(tmp_path: Path) -> None:
    found = read(schedule(tmp_path, skip(storageClass=["gp3"])))
    brought = load(shop.write(tmp_path, **MOUNTED), replace(OWN_CLUSTER, definition=found)).by_manifests
    assert brought
    assert [(each["kind"], each["metadata"]) for each in brought.first] == [
        ("StorageClass", {"name": "gp3", "annotations": {"defaultVolumeType": "local"}})
    ]
    assert '"gp3"' in json.dumps(brought.objects)
    assert any("Velero copies dump;" in line for line in brought.summary)


# ---------------------------------------------------------------- the commands


def test_plan_says_first_what_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, app = schedule(tmp_path, skip(capacity=",1Gi")), shop.write(tmp_path, **MOUNTED)
    words = ["plan", "namespace_loss", "--application", str(app), "--backup-definition", str(file)]
    assert cli.main(words) == 0
    first = capsys.readouterr().out.splitlines()[1].strip()
    assert first.startswith("NOT backed up by the Schedule nightly: volume data of db-0, volume dump of db-0, vol")
    assert cli.main([*words, "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert document["backup_definition"][0] == first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--backup-definition", "none.yaml"], "none.yaml cannot be read"),
        (["plan", "--backup-definition", "none.yaml"], "none.yaml cannot be read"),
        (["matrix", "--plan", "--backup-definition", "none.yaml"], "none.yaml cannot be read"),
        (["run", "--schedule", "nightly"], "--schedule needs the cluster of --context"),
    ],
)
def test_a_definition_that_is_not_there_is_a_wrong_command_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 64
    assert said in capsys.readouterr().err


# ---------------------------------------------------------------- the verdict

DEFINITION: Json = {"kind": "Schedule", "name": "nightly"}
LEFT: Document = {"what": "volume data of db-0", "why": "skip", "store": "db", "judged": True}


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ({}, (UNKNOWN, "NotRecorded")),
        ({"left_out": None}, (UNKNOWN, "NotRecorded")),
        ({"left_out": []}, (PASSED, "AsExpected")),
        ({"left_out": [{**LEFT, "judged": False}]}, (PASSED, "AsExpected")),
        ({"left_out": [LEFT]}, (FAILED, "LeftOutByDefinition", "db", "volume data of db-0")),
        ({"left_out": [{"what": "Secret db", "why": "x"}]}, (FAILED, "LeftOutByDefinition", "Secret db")),
    ],
)
def test_what_a_definition_leaves_out_is_the_first_finding(
    tmp_path: Path, recorded: Document, expected: tuple[str, ...]
) -> None:
    events: list[tuple[str, Document]] = [
        ("backup", {"phase": "Completed", "errors": 0, "hooks_attempted": 0, "hooks_failed": 0, "volumes": []}),
        ("protected", {"hooks": {}, "volumes": [], **recorded}),
        ("stored", {"objects": 1, "bytes": 1, "checked": True, "damage": []}),
    ]
    found = judged(backup.backup_complete, tmp_path, *events, backup_definition=DEFINITION)
    assert found[0] == expected


COPY: Document = {"pod": "db-0", "volume": "data", "phase": "Completed", "bytes_done": 7, "bytes_total": 7}
EMPTY: Document = {**COPY, "volume": "spare", "bytes_done": 0, "bytes_total": 0}


@pytest.mark.parametrize(
    ("unnamed", "copies", "verdict"),
    [
        (True, [COPY, EMPTY], (PASSED, "AsExpected")),
        (False, [COPY, EMPTY], (FAILED, "VolumeBackedUpEmpty")),
        (True, [{**EMPTY, "volume": "data"}, EMPTY], (FAILED, "VolumeBackedUpEmpty")),
        (True, [COPY], (FAILED, "VolumeNotBackedUp")),
    ],
)
def test_a_volume_that_nobody_names_may_be_empty_if_another_of_its_store_is_not(
    tmp_path: Path, copies: list[Document], verdict: tuple[str, ...], *, unnamed: bool
) -> None:
    wanted = [{"store": "db", "pod": "db-0", "volume": name, "unnamed": unnamed} for name in ("data", "spare")]
    events: list[tuple[str, Document]] = [
        ("backup", {"phase": "Completed", "errors": 0, "hooks_attempted": 0, "hooks_failed": 0, "volumes": copies}),
        ("protected", {"hooks": {}, "volumes": wanted}),
        ("stored", {"objects": 1, "bytes": 1, "checked": True, "damage": []}),
        ("restore", {"phase": "Completed", "errors": 0, "hooks_failed": 0, "volumes": [COPY]}),
    ]
    assert judged(backup.backup_complete, tmp_path, *events)[-1][:2] == verdict
    if len(copies) == 2 and copies[0] is COPY:
        restored = judged(backup.restore_complete, tmp_path, *events)
        assert any(each[1] == "VolumeNotRestored" for each in restored) is not unnamed


# ---------------------------------------------------------------- an existing cluster

STORE = ObjectStore("", "http://objects", "backups", "key", "other-secret", "eu", "a/")
THERE = DrillPolicy("staging", "drillproof-custos", "fast", "", "velero", "default", STORE, "drillproof-inside")


class Api:
    """An API server with Velero's objects, which allows all that is asked."""

    def __init__(self, *things: Document) -> None:
        self.things = things

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "api-versions":
            return "velero.io/v1\n"
        if args[0] == "create":
            return json.dumps(
                {**json.loads(stdin or ""), "items": [*map(self.allow, json.loads(stdin or "")["items"])]}
            )
        kind = {"schedules.velero.io": "Schedule", "configmap": "ConfigMap", "deployment": "Deployment"}[args[1]]
        found = [each for each in self.things if each["kind"] == kind]
        if kind == "Schedule":
            return json.dumps({"items": found})
        return next((json.dumps(each) for each in found if each["metadata"]["name"] == args[2]), "")

    def allow(self, review: Document) -> Document:
        return {**review, "status": {"allowed": True}}

    def down(self) -> None: ...


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., SharedDrills]:
    def made(*policies: Document, without: str = "", server: str = "", **spec: Any) -> SharedDrills:  # noqa: ANN401 # of a manifest
        container = {"args": ["server", server]}
        velero = {"kind": "Deployment", "metadata": {"name": "velero"}}
        things: list[Document] = [
            {**velero, "spec": {"template": {"spec": {"containers": [container]}}}},
            *yaml.safe_load_all(schedule(tmp_path, *policies, **spec).read_text()),
        ]
        api = Api(*(each for each in things if each["kind"] != without))
        cluster = SimpleNamespace(api=api, down=api.down, policy=THERE, name="staging")
        monkeypatch.setattr(DrillCluster, "enter", lambda *_: cluster)
        return SharedDrills(THERE)

    return made


def test_a_schedule_is_read_from_the_cluster_with_its_policy(there: Callable[..., SharedDrills]) -> None:
    found = there(skip(capacity=",1Gi")).schedule("nightly")
    assert (found.called, found.origin, len(found.policies)) == ("Schedule nightly", "the context staging", 1)


@pytest.mark.parametrize(
    ("said", "argument", "copies"),
    [
        (None, "--default-volumes-to-fs-backup", True),
        (None, "--default-volumes-to-fs-backup=false", False),
        (False, "--default-volumes-to-fs-backup", False),
    ],
)
def test_what_a_schedule_does_not_say_is_as_the_server_has_it(
    there: Callable[..., SharedDrills], argument: str, *, said: bool | None, copies: bool
) -> None:
    place = there(server=argument, defaultVolumesToFsBackup=said)
    assert place.schedule("nightly").selection().copies_all is copies


def test_an_unknown_schedule_is_refused_with_those_that_exist(there: Callable[..., SharedDrills]) -> None:
    with pytest.raises(Misconfigured, match=r"unknown Schedule in velero of the context staging .*known: nightly"):
        there().schedule("weekly")


def test_a_policy_that_is_not_on_the_cluster_is_refused(there: Callable[..., SharedDrills]) -> None:
    with pytest.raises(Misconfigured, match="names the ConfigMap policy as its resourcePolicy, which is not there"):
        there(skip(), without="ConfigMap").schedule("nightly")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (({}, (), "velero:v1.18.3"), ""),
        (({"storageLocation": "default"}, (skip(capacity=",1Gi"),), "velero:v1.16.2"), ""),
        (({"storageLocation": "offsite"}, (), "velero:v1.18.3"), "stores in offsite, and the configuration allows def"),
        (({"includedNamespaces": ["shop*"]}, (), "velero:v1.18.3"), ""),
        (({"includedNamespaces": ["shop*"]}, (), "velero:v1.17.1"), "Velero 1.17 does not know"),
        (({}, (skip(storageClass=["gp3"]),), "velero:v1.18.3"), "all claims of a drill on this context have fast"),
        (({}, (skip(pvcPhase=["Lost"]),), "velero:main"), ""),
    ],
)
def test_what_cannot_be_drilled_there_is_refused_before_anything_is_created(
    there: Callable[..., SharedDrills], wanted: tuple[Document, tuple[Document, ...], str], said: str, tmp_path: Path
) -> None:
    spec, policies, image = wanted
    place = there(*policies, **spec)
    (options,) = request.options(
        ("namespace_loss",),
        application=load(shop.write(tmp_path, **MOUNTED), TargetCluster("fast", THERE.namespace, pulls=True)),
        engine="velero-kopia",
        velero="",
        definition=place.schedule("nightly"),
    )
    options = place.settled(options)
    assert options.coverage
    assert (options.coverage.own, options.coverage.drilled) == ("shop", "drillproof-custos")
    found = Found(DrillCluster.enter(THERE, None), role_in(THERE), "", "v1", image, "kopia")
    if not said:
        shared_cluster.require_definition(found, options)
        return
    with pytest.raises(Misconfigured, match=said):
        shared_cluster.require_definition(found, options)


def test_a_policy_in_a_file_must_be_that_of_the_cluster(there: Callable[..., SharedDrills], tmp_path: Path) -> None:
    place = there(skip(capacity=",1Gi"))
    options = [
        request.options(("namespace_loss",), stores=["postgres"], engine="velero-kopia", velero="", definition=each)[0]
        for each in (
            place.schedule("nightly"),
            read(schedule(tmp_path, skip(capacity=",2Gi"), includedNamespaces=None)),
        )
    ]
    found = Found(DrillCluster.enter(THERE, None), role_in(THERE), "", "v1", "velero:v1.18.3", "kopia")
    with pytest.raises(Misconfigured, match="the resource policy policy is different in velero of the context staging"):
        shared_cluster.require_definition(found, place.settled(options[1]))
    with pytest.raises(Misconfigured, match="does not back up the namespace custos"):
        shared_cluster.require_definition(found, place.settled(options[0]))
