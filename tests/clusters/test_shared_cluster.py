"""Clusters of others: what is allowed, what is asked of them, what is made there, and that nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest
from granted import granted

from harness.backups.object_store import ObjectStore
from harness.backups.velero_install import Release
from harness.checks.validity import network_isolated
from harness.clusters import rbac, shared_velero
from harness.clusters.images.versions import load
from harness.clusters.permissions_file import DrillPolicy, allowed_drill
from harness.clusters.rbac import Permission
from harness.clusters.shared_cluster import DrillCluster
from harness.clusters.shared_velero import SharedVelero
from harness.core import resources, wait
from harness.core.clock import Clock
from harness.core.errors import HarnessError, Misconfigured, TimedOut, ToolFailed
from harness.core.json import at, mapping, text
from harness.core.kubernetes import LABEL, Kubectl, documents
from harness.core.model import Json, Verdict
from harness.core.ports import Cluster, Reach
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.workflows.drill import scenario
from harness.workflows.drill.shared_cluster import adapted, find_velero, knows_velero, role_in

STORE = ObjectStore("", "http://objects", "backups", "key", "other-secret", "eu", "a/")
THERE = DrillPolicy("staging", "drillproof-custos", "fast", "", "velero", "default", STORE, "drillproof-inside")
CONFIG = """
[context."staging"]
bucket = "backups/a"
endpoint = "http://objects/"
credentials = "bucket.ini"
storage_class = "fast"
region = "eu"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "bucket.ini").write_text("[default]\naws_access_key_id = key\naws_secret_access_key = other-secret\n")
    file = tmp_path / "drillproof.toml"
    file.write_text(CONFIG)
    return file


# ---------------------------------------------------------------- what is allowed


def test_a_context_is_what_the_configuration_says_of_it(config: Path) -> None:
    assert allowed_drill("staging", config) == THERE


def test_the_configuration_lies_in_the_working_folder(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(config.parent)
    assert allowed_drill("staging", None).context == "staging"


def test_without_a_configuration_nothing_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured, match=r"no file drillproof\.toml allows drills on the context staging"):
        allowed_drill("staging", None)


def test_another_context_is_not_allowed_and_those_that_are_get_named(config: Path) -> None:
    with pytest.raises(Misconfigured, match=r"does not allow drills on the context production; it allows: staging"):
        allowed_drill("production", config)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('storage_class = "fast"', "", "key `storage_class` is missing"),
        ('region = "eu"', "regoin = 1", "unknown key `regoin`"),
        ('"http://objects/"', '"objects"', "key `endpoint` must be a URL"),
        ('"backups/a"', '"/a"', "key `bucket` must be NAME or NAME/PREFIX"),
        ('region = "eu"', 'namespace = "Kube System"', "key `namespace` must be the name of a Kubernetes object"),
        ('region = "eu"', 'mirror = "https://mirror"', "key `mirror` must be HOST"),
        ('"bucket.ini"', '"none.ini"', r"none\.ini cannot be read"),
        ('[context."staging"]', "[context]", "must be a table"),
        ('[context."staging"]', '[other]\n[context."staging"]', "unknown key `other`"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_key(config: Path, old: str, new: str, said: str) -> None:
    assert old in CONFIG
    config.write_text(CONFIG.replace(old, new))
    with pytest.raises(Misconfigured, match=said):
        allowed_drill("bucket" if new == "[context]" else "staging", config)


# ---------------------------------------------------------------- which scenarios


def test_every_fault_of_ours_says_how_far_it_reaches() -> None:
    for each in scenario.load(resources.scenarios()).values():
        for fault in each.faults:
            assert isinstance(fault.reach, Reach), fault.name


def test_what_breaks_more_than_the_namespace_is_refused_with_the_reason() -> None:
    known = scenario.load(resources.scenarios())
    assert scenario.beyond(known["namespace_loss"]) == ""
    assert scenario.beyond(known["keys_deleted"]) == ""
    assert "destroy" in scenario.beyond(known["cluster_lost"])
    assert Reach.MACHINES.value in scenario.beyond(known["worker_lost"])
    assert Reach.BUCKET.value in scenario.beyond(known["pack_flipped"])
    assert Reach.TOOL.value in scenario.beyond(known["velero_killed_during_backup"])
    assert Reach.CLUSTER.value in scenario.beyond(known["volume_on_hostpath"])
    assert "second cluster" in scenario.beyond(known["moved"])
    assert "whole bucket" in scenario.beyond(known["bucket_emptied_under_lock"])


def test_a_fault_that_does_not_say_how_far_it_reaches_is_refused() -> None:
    class Strange:
        name, needs = "strange", ()

    unbounded = scenario.Scenario(fault=Strange())  # type: ignore[arg-type] # as much of one as is asked
    assert "strange" in scenario.beyond(unbounded)


# ---------------------------------------------------------------- permissions


def test_the_rights_that_are_asked_for_are_those_that_the_file_grants() -> None:
    asked = {
        *rbac.listed("drill-outside", namespace="drillproof-custos", velero="velero"),
        *rbac.listed("drill-definition", velero="velero"),
        *rbac.NamespaceRole("", "drillproof-inside", ()).to_bind,
    }
    given = granted("ClusterRole", "drillproof-outside", "") | granted("Role", "drillproof", "velero")
    assert given == asked
    inside = rbac.listed("drill-inside", namespace="drillproof-custos")
    assert granted("ClusterRole", "drillproof-inside", "drillproof-custos") == set(inside)
    assert len(set(inside)) == len(inside)


def test_what_is_missing_is_what_the_cluster_does_not_allow() -> None:
    asked: list[Json] = []

    def kubectl(*args: str, stdin: str | None = None, within_s: float = 60) -> str:
        assert args[0] == "create"
        assert stdin is not None
        asked.extend(json.loads(stdin)["items"])
        verbs = [(each, text(each, "spec", "resourceAttributes", "verb")) for each in asked]
        answers = [{**mapping(each), "status": {"allowed": verb == "get"}} for each, verb in verbs]
        return "\n".join(json.dumps(answer, indent=2) for answer in reversed(answers))

    exec_, get = (
        Permission("create", "pods/exec", namespace="n"),
        Permission("get", "deployments", "apps", "velero", "velero"),
    )
    assert rbac.missing(kubectl, (exec_, get)) == (exec_,)
    attributes = [at(each, "spec", "resourceAttributes") for each in asked]
    assert attributes == [
        {"verb": "create", "resource": "pods", "subresource": "exec", "namespace": "n"},
        {"verb": "get", "group": "apps", "resource": "deployments", "name": "velero", "namespace": "velero"},
    ]


def test_an_answer_that_does_not_come_is_no_right() -> None:
    with pytest.raises(HarnessError, match="did not answer whether it allows: get pods in the cluster"):
        rbac.missing(lambda *_, **__: "", (Permission("get", "pods"),))


ASKED = {"verb": "get", "resource": "pods"}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"resourceAttributes": {**ASKED, "namespace": "other"}},
        {"resourceAttributes": {**ASKED, "subresource": "exec"}},
        {"resourceAttributes": {**ASKED, "verb": "list"}},
        {"resourceAttributes": ASKED, "user": "another"},
    ],
)
def test_an_answer_to_another_question_allows_nothing(spec: dict[str, Json]) -> None:
    def kubectl(*_: str, stdin: str | None = None, within_s: float = 60) -> str:
        return json.dumps({"spec": spec, "status": {"allowed": True}})

    with pytest.raises(HarnessError, match="get pods in the cluster"):
        rbac.missing(kubectl, (Permission("get", "pods"),))


def test_what_a_server_adds_to_the_question_does_not_matter() -> None:
    echoed = {"spec": {"resourceAttributes": {**ASKED, "version": "*"}}, "status": {"allowed": True}}
    assert rbac.missing(lambda *_, **__: json.dumps(echoed), (Permission("get", "pods"),)) == ()


@pytest.mark.parametrize(
    ("rule", "is_enough"),
    [
        ({"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["patch", "get"]}, True),
        ({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, True),
        ({"apiGroups": [""], "resources": ["statefulsets"], "verbs": ["patch"]}, False),
        ({"apiGroups": ["apps"], "resources": ["statefulsets/scale"], "verbs": ["patch"]}, False),
        ({"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get"]}, False),
        ({"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["patch"], "resourceNames": ["a"]}, False),
    ],
)
def test_what_a_role_lacks_is_read_from_its_rules(rule: Json, is_enough: bool) -> None:
    wanted = Permission("patch", "statefulsets", "apps", namespace="n")
    assert rbac.not_granted([{}, rule], [wanted]) == (() if is_enough else (wanted,))


def test_rights_on_the_same_thing_are_named_together() -> None:
    several = (
        Permission("get", "pods", namespace="n"),
        Permission("list", "pods", namespace="n"),
        Permission("create", "namespaces"),
    )
    assert rbac.describe(several) == "get, list pods in n; create namespaces in the cluster"


def test_a_cluster_without_velero_is_told_apart_from_one_without_rights() -> None:
    knows_velero(lambda *_, **__: "v1\nvelero.io/v1\n", THERE)
    with pytest.raises(Misconfigured, match="there is no Velero on the context staging"):
        knows_velero(lambda *_, **__: "v1\nvelero.io/v2\n", THERE)


class Velero:
    """A cluster with a Velero of this image, and an API that lacks some fields."""

    def __init__(self, image: str, *lacks: str, arg: str = "--uploader-type=restic") -> None:
        container: Json = {"image": image, "args": ["server", arg]}
        spec: Json = {"template": {"spec": {"containers": [container]}}}
        self.objects: dict[str, Json] = {
            "deployment": {"spec": spec, "status": {"availableReplicas": 1}},
            "daemonset": {"status": {"numberReady": 3, "desiredNumberScheduled": 3}},
        }
        fields: dict[str, dict[str, dict[str, Json]]] = {}
        for kind, part, name in (need.split(".") for need in load().needs if need not in lacks):
            fields.setdefault(kind, {}).setdefault(part, {})[name] = {}
        self.schemas: Json = {
            f"io.velero.v1.{kind}": {"properties": {part: {"properties": has} for part, has in parts.items()}}
            for kind, parts in fields.items()
        }
        self.kubectl = cast("Kubectl", self.answer)
        self.asked: list[str] = []

    def answer(self, *args: str, **_: object) -> str:
        self.asked.append(args[1])
        if args[1] == "--raw":
            return json.dumps({"components": {"schemas": self.schemas}})
        return json.dumps(self.objects[args[1]])


@pytest.mark.parametrize("lane", load().lanes)
def test_a_velero_of_any_lane_is_drilled_with_its_own_uploader(lane: str) -> None:
    there = Velero(f"mirror:5000/velero/velero:v{lane}.9")
    assert find_velero(there.kubectl, THERE) == (f"mirror:5000/velero/velero:v{lane}.9", "restic", False)
    assert "--raw" not in there.asked
    assert find_velero(Velero(f"velero:v{lane}.0", arg="").kubectl, THERE)[1] == "kopia"


@pytest.mark.parametrize(
    "image", ["velero/velero:v1.15.2", "velero/velero:v2.0.0", "own/velero:main", "own/velero@sha256:0"]
)
def test_a_velero_of_no_lane_is_drilled_if_its_api_has_all_that_is_needed(image: str) -> None:
    assert find_velero(Velero(image).kubectl, THERE) == (image, "restic", True)
    lacks = ("Backup.spec.ttl", "PodVolumeBackup.status.snapshotID")
    with pytest.raises(
        Misconfigured, match=r"is none of 1\.16, .* lacks .*: Backup\.spec\.ttl, PodVolumeBackup.status.snap"
    ):
        find_velero(Velero(image, *lacks).kubectl, THERE)


def test_a_velero_of_no_lane_whose_api_cannot_be_read_is_refused() -> None:
    there = Velero("own/velero:main")
    with pytest.raises(Misconfigured, match="its API cannot be read"):
        find_velero(cast("Kubectl", lambda *args: "no" if args[1] == "--raw" else there.answer(*args)), THERE)


# ---------------------------------------------------------------- manifests


def test_manifests_get_the_storage_class_and_the_mirror_that_are_configured() -> None:
    container: Json = {"image": "docker.io/library/mysql:9.7", "env": [{"name": "image", "value": "image"}]}
    spec: Json = {"containers": [container], "volumeClaimTemplates": [{"spec": {"storageClassName": "drill"}}]}
    thing: Mapping[str, Json] = {"kind": "StatefulSet", "spec": {"template": spec}}
    mirrored = json.dumps(adapted(replace(THERE, mirror="mirror:5000/path"), thing))
    assert '"mirror:5000/path/library/mysql:9.7"' in mirrored
    assert '"storageClassName": "fast"' in mirrored
    assert '{"name": "image", "value": "image"}' in mirrored
    assert '"docker.io/library/mysql:9.7"' in json.dumps(adapted(THERE, thing))
    config_map: Mapping[str, Json] = {"kind": "ConfigMap", "data": {"image": "x", "storageClassName": "y"}}
    assert adapted(replace(THERE, mirror="m"), config_map) == config_map


def test_documents_are_read_one_after_the_other() -> None:
    assert documents('{"a": 1}\n{\n "kind": "List", "items": [{"b": 2}, {"c": 3}]\n}\n') == (
        {"a": 1},
        {"b": 2},
        {"c": 3},
    )
    assert documents(" \n") == ()


# ---------------------------------------------------------------- what is made there, and removed


@dataclass
class Cluster_:  # noqa: N801 # `Cluster` is the seam
    """As much of an API server as is asked: one namespace, backups, and who may do what."""

    label: str | None = None  # of the namespace; None if there is none, "" if a stranger made it
    backups: dict[str, tuple[str, list[str]]] = field(default_factory=dict)  # by name: the drill, phases to come
    refuses: str = ""  # what Velero says of a deletion
    enters: bool = True
    calls: list[tuple[str, ...]] = field(default_factory=list)
    made: list[Mapping[str, Json]] = field(default_factory=list)

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        self.calls.append(args)
        made = json.loads(stdin) if stdin else {}
        if args[:2] == ("get", "namespace"):
            labels = {LABEL: self.label} if self.label else {}
            return "" if self.label is None else json.dumps({"metadata": {"labels": labels}})
        if args[:2] == ("delete", "namespace"):
            self.label = None
        elif args[0] == "label":
            self.label = args[-1].partition("=")[2]
        elif args[:2] == ("get", "backups.velero.io"):
            return json.dumps({"items": [self._backup(name) for name in self.backups if self._asked(name, args)]})
        elif args[:2] == ("get", "deletebackuprequests.velero.io"):
            errors = [self.refuses] if self.refuses else []
            return json.dumps({"items": [{"status": {"errors": errors}}]})
        elif args[0] == "create" and made.get("kind") == "List":
            return "".join(json.dumps({**each, "status": {"allowed": self.enters}}) for each in made["items"])
        elif args[0] == "create":
            self._create(made)
        return ""

    def _create(self, made: Mapping[str, Json]) -> None:
        self.made.append(made)
        if made["kind"] == "Namespace":
            if self.label is not None:
                raise ToolFailed(["kubectl", "create"], 1, "already exists")
            self.label = text(made, "metadata", "labels", LABEL)
        if made["kind"] == "DeleteBackupRequest" and not self.refuses:
            del self.backups[text(made, "spec", "backupName")]

    def _asked(self, name: str, args: tuple[str, ...]) -> bool:
        return all(not arg.startswith("--field-selector") or arg.endswith(f"={name}") for arg in args)

    def _backup(self, name: str) -> Json:
        run, phases = self.backups[name]
        phase = phases.pop(0) if len(phases) > 1 else phases[0]
        return {"metadata": {"name": name, "uid": "u", "labels": {LABEL: run}}, "status": {"phase": phase}}


ROLE, USER = role_in(THERE), "system:serviceaccount:drillproof:drillproof"


def there(tmp_path: Path, server: Cluster_) -> DrillCluster:
    return DrillCluster(THERE, cast("Kubectl", server), tmp_path / "context-1")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rbac, "BOUND_S", 0.01)
    until: Callable[..., object] = wait.until
    monkeypatch.setattr(shared_velero, "until", lambda probe, **how: until(probe, **{**how, "every_s": 0.01}))


def test_a_drill_claims_its_namespace_lets_itself_in_and_removes_it(tmp_path: Path) -> None:
    server = Cluster_()
    cluster = there(tmp_path, server)
    cluster.claim(ROLE, USER)
    assert server.label
    assert server.label.startswith("claim-")
    cluster.open("run-1")
    assert server.label == "run-1"
    namespace, binding = server.made
    assert text(namespace, "metadata", "name") == "drillproof-custos"
    assert text(binding, "metadata", "namespace") == "drillproof-custos"
    assert text(binding, "roleRef", "name") == "drillproof-inside"
    server.backups = {"mine": ("run-1", ["Completed"]), "others": ("run-2", ["Completed"])}
    cluster.down()
    assert server.label is None
    assert list(server.backups) == ["others"]
    cluster.down()


def test_who_may_do_all_binds_nothing(tmp_path: Path) -> None:
    server = Cluster_()
    there(tmp_path, server).claim(ROLE)
    assert [each["kind"] for each in server.made] == ["Namespace"]


def test_a_namespace_that_cannot_be_entered_is_removed_again(tmp_path: Path) -> None:
    server = Cluster_(enters=False)
    cluster = there(tmp_path, server)
    with pytest.raises(TimedOut, match="the permissions in drillproof-custos"):
        cluster.claim(ROLE, USER)
    cluster.down()
    assert server.label is None


@pytest.mark.parametrize("label", ["", "run-2"])
def test_a_namespace_that_somebody_else_made_meanwhile_is_left_alone(tmp_path: Path, label: str) -> None:
    server = Cluster_(label=label)
    cluster = there(tmp_path, server)
    with pytest.raises(ToolFailed, match="already exists"):
        cluster.claim(ROLE, USER)
    cluster.down()
    assert server.label == label
    assert not [call for call in server.calls if call[0] == "delete"]


def test_what_claimed_nothing_asks_nothing_on_its_way_out(tmp_path: Path) -> None:
    server = Cluster_(label="run-2")
    there(tmp_path, server).down()
    assert server.calls == []


def test_gc_removes_what_any_drill_left_there_and_no_strangers_namespace(tmp_path: Path) -> None:
    server = Cluster_(label="run-7", backups={"b": ("run-7", ["InProgress", "InProgress", "Failed"])})
    assert there(tmp_path, server).remove_leftovers() == (
        "namespace drillproof-custos of run-7",
        "backup b with its restores",
    )
    assert (server.label, server.backups) == (None, {})
    stranger = Cluster_(label="")
    assert there(tmp_path, stranger).remove_leftovers() == ()
    assert stranger.label == ""


def test_gc_leaves_a_drill_that_lives_on_this_machine(tmp_path: Path) -> None:
    living = there(tmp_path, Cluster_())
    living.take()
    server = Cluster_(label="run-1")
    with pytest.raises(Misconfigured, match="namespace drillproof-custos of the context staging"):
        there(tmp_path, server).remove_leftovers()
    assert server.label == "run-1"
    living.release()


def test_a_backup_that_velero_does_not_delete_is_said_to_be_there(tmp_path: Path) -> None:
    server = Cluster_(label="run-1", backups={"b": ("run-1", ["Completed"])}, refuses="location is gone")
    with pytest.raises(HarnessError, match="does not delete the backup b: location is gone"):
        there(tmp_path, server).remove_leftovers()


def test_no_machine_of_a_cluster_of_others_is_touched(tmp_path: Path) -> None:
    machines = there(tmp_path, Cluster_()).machines
    assert machines.nodes() == ()
    for touch in (machines.power_off, machines.power_on, machines.is_on, machines.on_node):
        with pytest.raises(Misconfigured, match="belongs to others"):
            touch("node-1")


# ---------------------------------------------------------------- Velero


def guest(server: Callable[..., str]) -> SharedVelero:
    @dataclass
    class Only:
        kubectl: Callable[..., str]

    release = Release(Path(), "velero/velero:v1.16.2", "", Path)
    return SharedVelero(cast("Cluster", Only(server)), THERE, release, uploader="restic", run="run-1")


def test_a_guests_backups_bear_its_label_and_end_by_themselves() -> None:
    backup = guest(Cluster_()).wanted_backup("b", "drillproof-custos")
    assert backup["metadata"] == {
        "name": "b",
        "namespace": "velero",
        "labels": {LABEL: "run-1", shared_velero.NAMESPACE_LABEL: "drillproof-custos"},
    }
    spec = cast("Mapping[str, Json]", backup["spec"])
    assert (spec["storageLocation"], spec["ttl"]) == ("default", "24h0m0s")
    restore = guest(Cluster_()).wanted_restore("r", "b")
    assert text(restore, "metadata", "labels", LABEL) == "run-1"


def test_a_guest_installs_nothing_and_empties_nothing() -> None:
    server = Cluster_()
    guest(server).install()
    guest(server).forget()
    assert server.calls == []


@dataclass
class Checking:
    """A cluster that runs the pod of a check."""

    phase: str = "Succeeded"
    log: str = "no errors were found"
    made: list[Json] = field(default_factory=list)
    deleted: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[:2] == ("get", "secrets"):
            assert "--namespace=velero" in args
            secret = {"metadata": {"name": "velero-repo-credentials"}, "data": {"repository-password": "b3BlbnM="}}
            return json.dumps({"items": [secret]})
        if args[0] == "create":
            self.made = json.loads(stdin or "")["items"]
        if args[0] == "delete":
            self.deleted.append(args)
        if args[:2] == ("get", "pods"):
            return json.dumps({"items": [{"status": {"phase": self.phase}}]})
        return self.log if args[0] == "logs" else ""


@pytest.mark.parametrize(
    ("phase", "log", "said"),
    [("Succeeded", "no errors were found", None), ("Failed", "Fatal: repository contains errors", "contains errors")],
)
def test_a_repository_is_checked_in_a_pod_of_the_drills_own(phase: str, log: str, said: str | None) -> None:
    server = Checking(phase, log)
    if said:
        with pytest.raises(ToolFailed, match=said):
            guest(server)._restic_check("s3:http://x/restic/n")
    else:
        assert guest(server)._restic_check("s3:http://x/restic/n") == log
    secret, pod = server.made
    for each in (secret, pod):
        assert text(each, "metadata", "namespace") == "drillproof-custos"
        assert text(each, "metadata", "labels", "velero.io/exclude-from-backup") == "true"
    assert text(secret, "stringData", "RESTIC_PASSWORD") == "opens"
    assert "opens" not in json.dumps(pod)
    assert "other-secret" not in json.dumps(pod)
    (deleted,) = server.deleted
    assert deleted[:3] == ("delete", "pod,secret", text(pod, "metadata", "name"))


# ---------------------------------------------------------------- the fence that is not there


@pytest.mark.parametrize(
    ("fenced", "counted", "verdicts"),
    [
        (False, {"there": False}, []),
        (True, {"there": False}, [Verdict.UNKNOWN]),  # it should have been there
        (True, {"stopped": 2, "escaped": 0}, [Verdict.PASS]),
    ],
)
def test_where_no_fence_is_nothing_is_said_to_have_held(
    tmp_path: Path, fenced: bool, counted: dict[str, Json], verdicts: list[Verdict]
) -> None:
    run = run_directory.create(tmp_path, "any", {} if fenced else {"fenced": False})
    journal = Journal(run / "journal.jsonl", Clock())
    journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
    journal.append("fence", **counted)
    journal.close()
    assert [finding.verdict for finding in network_isolated(run_directory.Run(run))] == verdicts
