"""A migration with stand-ins for both clusters: what its plan says, what its journal comes to, and the way back."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from granted import granted
from migrating import ALTERED, DIGEST, Side, pod, source, target, thing
from migration_runs import OPTIONS, RENAMED, end_of, planned
from migration_runs import move as move  # noqa: PLC0414 # a fixture
from schemas import lines, wrong

from harness.campaigns.matrix.results import all_drills
from harness.checks import MOVE
from harness.cli.app import main
from harness.clusters import rbac
from harness.clusters.cluster_pin import NAMESPACE as CLUSTER
from harness.clusters.rbac import Permission
from harness.core import resources
from harness.core.clock import Clock
from harness.core.errors import HarnessError, Misconfigured, TimedOut, ToolFailed
from harness.core.model import Json
from harness.evidence import journal as journals
from harness.evidence import run_directory as rundirs
from harness.evidence import run_view
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.evidence.signing import attestation, keys
from harness.reports import summary
from harness.reports.texts import QUESTIONS
from harness.selftest import journal_mutations, runner
from harness.selftest.tampering import EDITED
from harness.workflows.migration import assembly, rollback
from harness.workflows.migration.inventory import OF_SOURCE, OF_TARGET
from harness.workflows.migration.migration import End, Migration
from harness.workflows.migration.quiesce import BY, WAS, Quiescer
from harness.workflows.migration.request import MigrationOptions, Place, argv, options
from harness.workflows.run_options import Hook
from harness.workflows.runner import conclude

# ---------------------------------------------------------------- the plan


def test_a_plan_names_every_step_and_what_it_does_to_which_objects() -> None:
    made = planned(source(), target(), RENAMED)
    assert made.blockers == ()
    said = assembly.told(made)
    for step, facts in (
        ("freeze", ("shop of prod", "deployment web", "0")),
        ("freeze", ("shop of prod", "cronjob nightly")),
        ("freeze", ("mysql shop/db-0", "container db", "mysql:9.7")),
        ("backup", ("prod", "velero", "shop", "data of db-0")),
        ("restore", ("new", "shop-new", "drillproof.run")),
        ("restore", ("new", "fast", "slow")),
    ):
        assert [line for line in said if line.startswith(f"{step}: ") and all(fact in line for fact in facts)]


def of(side: Side, kind: str) -> dict[str, Any]:
    return next(each for each in side.things["shop"] if each["kind"] == kind)


def wide(side: Side, kind: str) -> dict[str, Any]:
    return next(each for each in side.wide if each["kind"] == kind)


def held(side: Side, *things: dict[str, Any]) -> None:
    side.things["shop"] += things


def unknown_kind(one: Side, other: Side) -> None:
    held(one, thing("Widget", "one", "example.org/v1"))
    del other.kinds["widgets.example.org"]


IN_THE_WAY: dict[str, tuple[Callable[[Side, Side], object], bool, tuple[str, ...]]] = {
    "no such namespace": (lambda s, t: s.namespaces.clear(), True, ("prod", "shop")),
    "one that is there": (
        lambda s, t: t.namespaces.update(shop=thing("Namespace", "shop")),
        True,
        ("new", "shop"),
    ),
    "the very same": (lambda s, t: setattr(t, "uid", "one"), True, ("--to-namespace",)),
    "an older Kubernetes": (
        lambda s, t: setattr(t, "version", "v1.33.1"),
        False,
        ("v1.33.1",),
    ),
    "no Velero": (lambda s, t: setattr(t, "uid", "bare"), True, ("new", "Velero")),
    "a class that is not there": (lambda s, t: t.wide.pop(1), True, ("new", "fast", "--storage-class")),
    "no room": (
        lambda s, t: of(s, "Pod")["spec"]["containers"][0].update(resources={"requests": {"cpu": "5"}}),
        True,
        ("new", "cpu", "5.00", "4.00"),
    ),
    "no volume opted in": (
        lambda s, t: of(s, "Pod")["metadata"]["annotations"].clear(),
        True,
        ("shop of prod", "backup.velero.io/backup-volumes"),
    ),
    "one volume not opted in": (
        lambda s, t: held(s, {**pod("db-1"), "metadata": {"name": "db-1", "namespace": "shop"}}),
        False,
        ("data of the database db-1",),
    ),
    "a hostPath volume": (
        lambda s, t: wide(s, "PersistentVolume").update(spec={"hostPath": {"path": "/data"}}),
        True,
        ("data of db-0", "hostPath"),
    ),
    "a pod's hostPath": (
        lambda s, t: of(s, "Pod")["spec"]["volumes"].append({"name": "logs", "hostPath": {"path": "/var"}}),
        False,
        ("logs of db-0", "hostPath"),
    ),
    "a Secret that is not there": (lambda s, t: s.things["shop"].pop(2), True, ("Secret db",)),
    "a Secret that is left out": (
        lambda s, t: of(s, "Secret")["metadata"].update(labels={"velero.io/exclude-from-backup": "true"}),
        True,
        ("Secret db", "velero.io/exclude-from-backup"),
    ),
    "a kind that the target does not know": (
        unknown_kind,
        True,
        ("new", "Widget.example.org"),
    ),
    "a ClusterRole that the target lacks": (
        lambda s, t: held(
            s,
            thing(
                "RoleBinding",
                "a",
                "rbac.authorization.k8s.io/v1",
                roleRef={"kind": "ClusterRole", "name": "editor"},
            ),
        ),
        True,
        ("new", "clusterrole editor"),
    ),
    "an image to pull": (
        lambda s, t: wide(t, "Node")["status"].update(images=[]),
        False,
        ("new", "docker.io/library/mysql:9.7"),
    ),
    "a NodePort": (
        lambda s, t: held(s, thing("Service", "web", spec={"type": "NodePort"})),
        False,
        ("Service web", "NodePort"),
    ),
    "a writer that is not there": (
        lambda s, t: s.things["shop"].pop(3),
        True,
        ("--writer deployment/web",),
    ),
    "frozen already": (
        lambda s, t: of(s, "Deployment")["metadata"].update(annotations={WAS: "2", BY: "run-1; back"}),
        True,
        ("deployment/web", "run-1; back"),
    ),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_what_is_in_the_way_is_named(name: str) -> None:
    spoil, blocks, facts = IN_THE_WAY[name]
    one, other = source(), target()
    spoil(one, other)
    found = planned(one, other)
    named, others = (found.blockers, found.warnings) if blocks else (found.warnings, found.blockers)
    assert [each for each in named if all(fact in each for fact in facts)]
    assert not [each for each in others if all(fact in each for fact in facts)]


def test_nothing_is_in_the_way_of_a_plain_move() -> None:
    assert issues(source(), target()) == ()


def issues(one: Side, other: Side, asked: MigrationOptions = OPTIONS) -> tuple[str, ...]:
    found = planned(one, other, asked)
    return (*found.blockers, *found.warnings)


def test_an_address_with_the_old_namespace_in_it_is_named_where_that_changes() -> None:
    one = source()
    held(
        one, thing("ConfigMap", "web", data={"url": "mysql://db-0.db.shop.svc:3306/shop", "note": "workshop.shopping"})
    )
    (said,) = planned(one, target(), RENAMED).warnings
    assert "ConfigMap web" in said
    assert "(db-0.db.shop.svc)" in said
    assert issues(one, target()) == ()


def test_within_one_cluster_an_address_that_leads_back_to_the_source_makes_it_impossible() -> None:
    one, other = source(), source()
    other.namespaces.clear()
    within = replace(RENAMED, target=Place("prod", "shop-new"))
    assert len(issues(one, other, within)) == len(planned(one, other, within).warnings) == 1
    held(
        one,
        thing("Service", "db"),
        thing("ConfigMap", "web", data={"url": "mysql://db-0.db.shop:3306/shop", "see": "www.the-best.shop"}),
    )
    (said,) = planned(one, other, within).blockers
    assert "ConfigMap web" in said
    assert "(db-0.db.shop, www.the-best.shop)" in said
    of(one, "ConfigMap")["data"].pop("url")
    assert planned(one, other, within).blockers == ()


def test_an_address_in_a_secret_is_seen() -> None:
    one = source()
    url = base64.b64encode(b"mysql://web:x@db.shop.svc.cluster.local/shop").decode()
    held(one, thing("Secret", "web", data={"url": url}))
    (said,) = planned(one, target(), RENAMED).warnings
    assert "Secret web" in said
    assert "(db.shop.svc.cluster.local)" in said


def test_nobody_writes_is_no_plan() -> None:
    (said,) = planned(source(), target(), replace(OPTIONS, writers=())).blockers
    assert "--writer" in said
    assert "--quiesce" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"namespace": "No"}, "--namespace .*'No'"),
        ({"storage_classes": ["fast"]}, "write OLD=NEW"),
        ({"writers": ["pod/x"]}, "write KIND/NAME"),
        ({"quiesce": "true"}, "--resume"),
        *(
            ({"quiesce": "true", "resume": line}, f"--resume .* needs a shell .*{re.escape(char)}")
            for line, char in {
                "true; false": ";",
                "true && false": "&",
                "true | false": "|",
                "true > log": ">",
                "true\nfalse": "\\n",
                "true $HOME": "$",
                'true "$HOME"': "$",
                'true "`id`"': "`",
                "true *.sql": "*",
                "true ~/log": "~",
                'true "$(id)" "; id"': "$",
                "(true)": "(",
            }.items()
        ),
        ({"quiesce": "true", "resume": "true 'a"}, "--resume .* no closing quotation"),
        ({"quiesce": "NO=1 true", "resume": "true"}, "--quiesce .* no program 'NO=1'"),
        ({"quiesce": "cd", "resume": "no-such-program x"}, "no program"),
        ({"kubeconfig": Path("/nowhere")}, "no kubeconfig"),
        ({"target": "c"}, "migration from or to c.* a, b"),
        ({"config": Path("/nowhere")}, "no file /nowhere"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused(tmp_path: Path, words: dict[str, Any], says: str) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.touch()
    config = tmp_path / "drillproof.toml"
    config.write_text('migrate = ["a", "b"]\n')
    good = {"source": "a", "target": "b", "namespace": "shop", "kubeconfig": kubeconfig, "config": config}
    assert options(**good).target == Place("b", "shop")  # type: ignore[arg-type] # of several types
    with pytest.raises(Misconfigured, match=says):
        options(**{**good, **words})


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("", ()),
        ("true", ("true",)),
        ('true --patch=\'{"spec": {"x": [0]}}\' -o "a; b"', ("true", '--patch={"spec": {"x": [0]}}', "-o", "a; b")),
        ("true a\\;b '$HOME'", ("true", "a;b", "$HOME")),
    ],
)
def test_a_command_is_split_into_words(command: str, words: tuple[str, ...]) -> None:
    assert argv("--quiesce", command) == words


# ---------------------------------------------------------------- permissions

ALL_ASKED = replace(OPTIONS, storage_classes={"fast": "slow"})
EVERY_KIND = ("deployment/", "statefulset/", "cronjob/")


@pytest.mark.parametrize(
    ("end", "asked"),
    [
        ("source", rbac.migration_source(("shop", CLUSTER), OF_SOURCE)),
        ("target", rbac.migration_target("shop", CLUSTER, OF_TARGET, maps_classes=True)),
    ],
)
def test_the_rights_that_are_asked_for_are_those_that_the_files_grant(end: str, asked: tuple[Permission, ...]) -> None:
    file, name = resources.clusters() / "migrate" / f"{end}.yaml", f"drillproof-migrate-{end}"
    given = granted("ClusterRole", name, "", file) | granted("Role", name, "velero", file)
    role = rbac.migration_inside("shop", EVERY_KIND)
    entry = {replace(permission, namespace="") for permission in role.to_bind} if end == "target" else set()
    assert given == {*asked, *entry}
    within = role.permissions
    assert granted("ClusterRole", role.role, "shop", file) == set(within)
    assert len(set(within)) == len(within)


@dataclass(frozen=True)
class Allows:
    """An API server that says who may do what: all, but for what it `refuses` of what is asked, in words."""

    refuses: str = ""
    velero: bool = True
    role: bool = True  # whether the ClusterRole for the inside is there, with all that is asked

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "api-versions":
            return "v1\nvelero.io/v1\n" if self.velero else "v1\n"
        if args[:2] == ("get", "clusterrole"):
            every = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
            return json.dumps({"rules": [every] if self.role else []})
        answers = [(each["spec"], each["spec"]["resourceAttributes"]) for each in json.loads(stdin or "")["items"]]
        words = [(spec, f"{each['verb']} {each['resource']}.{each.get('namespace', '')}") for spec, each in answers]
        return "".join(json.dumps({"spec": spec, "status": {"allowed": word != self.refuses}}) for spec, word in words)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (Allows("patch cronjobs.shop"), Allows(), "on the context prod: patch cronjobs.batch nightly in shop"),
        (Allows("create backups.velero"), Allows(), "on the context prod: create backups.velero.io in velero"),
        (Allows(), Allows("create namespaces."), "on the context new: create namespaces in the cluster"),
        (Allows(), Allows("patch configmaps.velero"), "on the context new: patch configmaps storage-classes in velero"),
        (Allows(), Allows("create pods.shop", role=False), "on the context new: create pods/exec in shop"),
        (
            Allows("list persistentvolumes."),
            Allows("list nodes."),
            "prod: list persistentvolumes in the cluster; and on the context new: list nodes in the cluster",
        ),
    ],
)
def test_a_right_that_is_missing_is_named_with_its_end(one: Allows, other: Allows, said: str) -> None:
    with pytest.raises(Misconfigured, match=f"^permissions are missing .*{said}; clusters/migrate/ has files"):
        assembly._has_permissions(ALL_ASKED, one, other)


def test_rights_inside_the_target_are_had_or_come_with_the_role() -> None:
    assert assembly._has_permissions(ALL_ASKED, Allows(), Allows()) is False
    assert assembly._has_permissions(ALL_ASKED, Allows(), Allows("create pods.shop")) is True


def test_where_there_is_no_velero_none_of_its_rights_is_asked_for() -> None:
    assert assembly._has_permissions(ALL_ASKED, Allows(), Allows("create restores.velero", velero=False)) is False


def test_without_storage_classes_nothing_of_a_mapping_is_asked_for() -> None:
    assert assembly._has_permissions(OPTIONS, Allows(), Allows("patch configmaps.velero")) is False


# ---------------------------------------------------------------- the move


def told(run: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((run / "findings.json").read_text()))


def red(run: Path) -> list[tuple[str, str, set[str]]]:
    bad = (each for each in told(run)["findings"] if each["verdict"] != "pass")
    return [(each["check"], each["verdict"], {each["reason"], *each["causes"], *each["objects"]}) for each in bad]


def test_a_move_whose_target_holds_what_the_source_held_passes(move: Callable[..., Path]) -> None:
    one, other = source(), target()
    run = move(one, other)
    assert red(run) == []
    judged = told(run)
    assert (judged["verdict"], judged["kind"]) == ("pass", "move")
    assert judged["rto_s"] > 0
    assert "shop-new of new equals shop of prod" in summary.says(run_view.read(run))
    made = other.namespaces["shop-new"]["metadata"]["labels"]
    assert made == {"team": "a", "drillproof.run": run.name}
    assert other.mapped == [{"fast": "slow"}, {}]


def test_the_source_stays_frozen_and_says_what_lets_it_go(move: Callable[..., Path]) -> None:
    one = source()
    run = move(one, target())
    web, nightly = of(one, "Deployment"), of(one, "CronJob")
    assert (web["spec"]["replicas"], nightly["spec"]["suspend"]) == (0, True)
    assert web["metadata"]["annotations"][WAS] == "2"
    assert f"drillproof migrate back {run.name}" in web["metadata"]["annotations"][BY]


WEB: Json = {"matchLabels": {"app": "web"}}
TIER: list[Json] = [{"key": "tier", "operator": "In", "values": ["a", "b"]}]
SELECTORS: list[tuple[Json, str]] = [
    (WEB, "app=web"),
    ({"matchExpressions": TIER}, "tier in (a,b)"),
    ({"matchLabels": {"app": "web"}, "matchExpressions": TIER}, "app=web,tier in (a,b)"),
    ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["c"]}]}, "tier notin (c)"),
    ({"matchExpressions": [{"key": "x/y", "operator": "Exists"}, {"key": "z", "operator": "DoesNotExist"}]}, "x/y,!z"),
]


@pytest.mark.parametrize(("selector", "asked"), SELECTORS)
def test_a_writer_is_stopped_once_its_last_pod_is_gone(
    monkeypatch: pytest.MonkeyPatch, selector: Json, asked: str
) -> None:
    """However it names its pods: those of a writer that was asked in no way had written on."""
    monkeypatch.setattr("harness.core.timeouts.HEALTHY_S", 0.05)
    writer = thing("Deployment", "web", "apps/v1", spec={"replicas": 2, "selector": selector})
    pods = [pod()]

    def kubectl(*args: str, stdin: str | None = None, within_s: float = 60) -> str:  # as it is called
        if args[:2] == ("get", "pods"):
            assert f"--selector={asked}" in args
            return json.dumps({"items": pods})
        return json.dumps({"items": [writer]})

    quiescer = Quiescer(kubectl, "shop", lambda _: None)
    with pytest.raises(TimedOut, match="1 of its pods"):
        quiescer.quiesce(("deployment/web",), "", "run")
    pods.clear()
    assert quiescer.quiesce(("deployment/web",), "", "run") == {"deployment/web": "2"}


def test_a_writer_of_which_nobody_can_say_its_pods_is_not_called_stopped() -> None:
    writer = thing("Deployment", "web", "apps/v1", spec={"replicas": 2, "selector": {}})
    quiescer = Quiescer(lambda *_, **__: json.dumps({"items": [writer]}), "shop", lambda _: None)
    with pytest.raises(HarnessError, match="deployment/web"):
        quiescer.quiesce(("deployment/web",), "", "run")


def test_all_that_it_leaves_is_as_the_schemas_say(move: Callable[..., Path]) -> None:
    run = move(source(), target(), replace(RENAMED, hooks=(Hook("after", "restore", "true"),)))
    assert [problem for line in lines(run) for problem in wrong("journal", line)] == []
    assert wrong("run", json.loads((run / "run.json").read_text())) == []
    assert wrong("findings", told(run)) == []
    assert all_drills(run.parent) == ()  # it is no drill


def test_each_check_of_a_move_has_its_question() -> None:
    asked = {*QUESTIONS}
    assert {check.name for check in MOVE} <= asked


def _says(side: str, word: str, text: str) -> Callable[[Side, Side], object]:
    return lambda one, other: (one if side == "source" else other).says.update({word: text})


SPOILT: dict[str, tuple[Callable[[Side, Side], object], str, str, set[str]]] = {
    "a value altered at the target": (
        _says("target", "digest", ALTERED),
        "data-equal",
        "fail",
        {"RowsDiffer", "table shop.orders"},
    ),
    "a write to the frozen source": (
        lambda s, t: setattr(t, "meanwhile", lambda: s.says.update(digest=ALTERED)),
        "source-unchanged",
        "fail",
        {"SourceWritten", "RowsDiffer", "table shop.orders"},
    ),
    "a target that does not answer": (
        lambda s, t: setattr(t, "fails", "ready"),
        "databases-sound",
        "fail",
        {"NotAnswering"},
    ),
    "a target that tells nothing": (
        lambda s, t: setattr(t, "fails", "digest"),
        "data-equal",
        "unknown",
        {"NotReadBack", "CredentialsRejected"},
    ),
    "a stranger at the source": (
        lambda s, t: setattr(t, "meanwhile", lambda: s.says.update(peers="peer\t192.0.2.7\nend\t1\n")),
        "nothing-joined",
        "fail",
        {"PeerUnexpected", "source", "192.0.2.7"},
    ),
    "a half copy": (
        lambda s, t: setattr(s, "copied", 250),
        "backup-complete",
        "fail",
        {"VolumePartlyBackedUp", "volume data"},
    ),
    "a restore that failed in part": (
        lambda s, t: setattr(t, "phase", "PartiallyFailed"),
        "restore-complete",
        "fail",
        {"RestorePartiallyFailed"},
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_wrong_is_noticed(move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("harness.core.timeouts.RECOVER_S", 0.05)
    spoil, check, verdict, words = SPOILT[name]
    one, other = source(), target()
    spoil(one, other)
    found = red(move(one, other))
    assert any((each[0], each[1]) == (check, verdict) and words <= each[2] for each in found), found
    assert of(one, "Deployment")["spec"]["replicas"] == 0  # it stays frozen: what is at the target may be what goes on


def test_a_replica_that_catches_up_is_waited_for(move: Callable[..., Path]) -> None:
    one = source()
    one.digests = [ALTERED, DIGEST]
    assert red(move(one, target())) == []


def test_a_source_that_is_written_to_is_let_go_again_and_nothing_is_moved(
    move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.workflows.migration.migration.SETTLE_S", 1)
    rows = count()

    def busy(word: str) -> str:
        return DIGEST.replace("\t20\t", f"\t{next(rows)}\t") if word == "digest" else one.says[word]

    one, other = source(), target()
    monkeypatch.setattr(one, "_exec", busy)
    run = move(one, other)
    assert told(run)["verdict"] == "unknown"
    assert ("drill-finished", "unknown", {"DrillInterrupted", "step freeze"}) in red(run)
    assert "still written to: mysql shop/db-0" in (run / "journal.jsonl").read_text()
    assert of(one, "Deployment")["spec"]["replicas"] == 2
    assert of(one, "CronJob")["spec"]["suspend"] is False
    assert other.namespaces == {}


def _vanish(one: Side) -> None:
    del one.namespaces["shop"], one.things["shop"]


def _replaced(one: Side) -> None:
    one.namespaces["shop"] = thing("Namespace", "shop")
    one.namespaces["shop"]["metadata"]["uid"] = "another"


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        (_vanish, "shop of prod does not exist any more"),
        (_replaced, "shop of prod was deleted and created again"),
        (lambda one: one.namespaces["shop"]["metadata"].update(deletionTimestamp="now"), "is being deleted"),
    ],
)
def test_a_source_that_vanishes_between_backup_and_restore_is_not_restored(
    move: Callable[..., Path], meanwhile: Callable[[Side], None], said: str
) -> None:
    one, other = source(), target()
    one.meanwhile = lambda: meanwhile(one)
    run = move(one, other)
    assert told(run)["verdict"] == "unknown"
    assert ("drill-finished", "unknown", {"DrillInterrupted", "step restore"}) in red(run)
    assert said in (run / "journal.jsonl").read_text()
    assert (other.namespaces, other.mapped) == ({}, [])


def test_a_node_that_dies_below_the_target_is_named_and_no_backup_is_blamed(move: Callable[..., Path]) -> None:
    one, other = source(), target()
    other.fails = "ready"
    node = next(each for each in other.wide if each["kind"] == "Node")
    node["status"]["conditions"][0]["status"] = "Unknown"
    found = red(move(one, other))
    assert not [each for each in found if each[1] == "fail"]
    assert {"NodeNotReady", "node worker", "step readback"} <= next(
        each for each in found if each[0] == "drill-finished"
    )[2]


def test_the_journal_names_the_program_that_copied_the_volumes(move: Callable[..., Path]) -> None:
    run = rundirs.Run(move(source(), target()))
    for event in (*run.of("backup"), *run.of("restore")):
        assert event.data["engine"] == run.facts["engine"] == "velero"
        assert [each["uploader"] for each in event.data["volumes"]] == ["kopia"]  # type: ignore[union-attr,index,call-overload] # a list of documents


def test_a_move_that_is_interrupted_before_the_target_is_touched_lets_the_source_go(move: Callable[..., Path]) -> None:
    one = source()
    lines: list[str] = []

    def interrupted(line: str) -> None:
        lines.append(line)
        if line == "stop":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(one, target(), replace(RENAMED, quiesce="stop", resume="go"), interrupted)
    assert lines == ["stop", "go"]
    assert of(one, "Deployment")["spec"]["replicas"] == 2


def test_every_mutation_of_a_migration_is_detected() -> None:
    outcomes = runner.in_memory_self_test_of_migrations()
    assert outcomes["missed"] == []
    assert outcomes["noticed"] == len(journal_mutations.mutations("migration")) + len(EDITED)


# ---------------------------------------------------------------- what comes after it


def _ways(*sides: Side) -> tuple[End, ...]:
    return tuple(end_of(side, place) for side, place in zip(sides, (RENAMED.source, RENAMED.target), strict=True))


def web_of(side: Side, namespace: str) -> dict[str, Any]:
    return next(each for each in side.things[namespace] if each["kind"] == "Deployment")


def start(run: Path, one: Side, other: Side) -> list[str]:
    said: list[str] = []
    rollback.start(rollback.moved(run), *_ways(one, other), say=said.append)
    return said


def go_back(run: Path, one: Side, other: Side, *, lose_writes: bool = False, resume: str = "") -> list[str]:
    said: list[str] = []
    rollback.back(rollback.moved(run), *_ways(one, other), resume=resume, lose_writes=lose_writes, say=said.append)
    return said


def test_the_way_back_removes_the_target_and_lets_the_source_go(move: Callable[..., Path]) -> None:
    one, other = source(), target()
    run = move(one, other)
    of(one, "Deployment")["status"]["readyReplicas"] = 2
    said = go_back(run, one, other)
    assert other.deleted == ["shop-new"]
    assert of(one, "Deployment")["spec"]["replicas"] == 2
    assert WAS not in of(one, "Deployment")["metadata"]["annotations"]
    assert said[-1].startswith("shop of prod: mysql shop/db-0 ")


def test_a_namespace_that_does_not_go_is_not_said_to_be_removed(
    move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.core.timeouts.DAMAGE_S", 0.05)
    one, other = source(), target()
    run = move(one, other)
    other.lingers = True
    with pytest.raises(TimedOut, match="shop-new of new"):
        go_back(run, one, other)
    assert of(one, "Deployment")["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda other: other.says.update(digest=ALTERED), "1 parts of mysql shop-new/db-0 differ: table shop.orders"),
        (lambda other: setattr(other, "fails", "digest"), "mysql shop-new/db-0 cannot be read"),
    ],
)
def test_a_target_that_may_hold_writes_of_its_own_is_not_removed(
    move: Callable[..., Path], spoil: Callable[[Side], object], why: str
) -> None:
    one, other = source(), target()
    run = move(one, other)
    spoil(other)
    with pytest.raises(Misconfigured, match=why):
        go_back(run, one, other)
    assert other.deleted == []
    assert of(one, "Deployment")["spec"]["replicas"] == 0
    go_back(run, one, other, lose_writes=True)
    assert other.deleted == ["shop-new"]


def _written_until_stopped(other: Side) -> None:
    """Somebody scaled the target's writer up. Its pod writes a last row when it ends, after it was first seen."""
    web_of(other, "shop-new")["spec"]["replicas"] = 1
    writer = thing("Pod", "web-1")
    writer["metadata"]["labels"] = {"app": "web"}
    other.things["shop-new"].append(writer)
    found = other._found

    def ending(kinds: str, where: str, args: tuple[str, ...]) -> list[dict[str, Any]]:
        seen = found(kinds, where, args)
        if "--selector=app=web" in args and writer in other.things.get("shop-new", []):
            other.things["shop-new"].remove(writer)
            other.says["digest"] = ALTERED
        return seen

    other._found = ending  # type: ignore[method-assign] # the cluster changes after it is read


def _scaled_up_while_read(side: Side, writer: Callable[[], dict[str, Any]]) -> None:
    answer = side._exec

    def exec_(word: str) -> str:
        writer()["spec"]["replicas"] = 1
        return answer(word)

    side._exec = exec_  # type: ignore[method-assign] # the cluster changes while it is read


def _scaled_up_during_the_reading(other: Side) -> None:
    _scaled_up_while_read(other, lambda: web_of(other, "shop-new"))


def _volume_of_no_database(other: Side) -> None:
    other.things["shop-new"].append(thing("PersistentVolumeClaim", "uploads", spec={}))


MAY_BE_LOST: dict[str, tuple[Callable[[Side], object], tuple[str, ...], int]] = {
    "a write when its writer is stopped": (_written_until_stopped, ("1 parts of mysql shop-new/db-0 differ",), 1),
    "a writer scaled up while it is read": (_scaled_up_during_the_reading, ("deployment/web", "1 pods"), 1),
    "a volume that no database holds": (_volume_of_no_database, ("uploads",), 0),
    "a writer that is gone": (
        lambda other: other.things["shop-new"].append(other.things["shop-new"].pop(3) | {"kind": "Widget"}),
        ("deployment/web",),
        0,
    ),
    "a pod that does not end": (
        lambda other: other.things["shop-new"].append(
            {**thing("Pod", "web-1"), "metadata": {"name": "web-1", "labels": {"app": "web"}}}
        ),
        ("deployment/web", "1 of its pods"),
        0,
    ),
}


@pytest.mark.parametrize("name", MAY_BE_LOST)
def test_what_may_be_lost_is_not_deleted_and_runs_as_before(
    move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("harness.core.timeouts.HEALTHY_S", 0.05)
    spoil, facts, replicas = MAY_BE_LOST[name]
    one, other = source(), target()
    run = move(one, other)
    spoil(other)
    with pytest.raises(Misconfigured) as refused:
        go_back(run, one, other)
    assert [fact for fact in (*facts, "shop-new of new", "--lose-writes") if fact not in str(refused.value)] == []
    assert "\n" not in str(refused.value)
    assert other.deleted == []
    web = next(each for each in other.things["shop-new"] if each["metadata"]["name"] == "web")
    assert web["spec"]["replicas"] == replicas
    assert of(one, "Deployment")["spec"]["replicas"] == 0
    said = go_back(run, one, other, lose_writes=True)
    assert [fact for fact in facts if fact not in said[0]] == []
    assert other.deleted == ["shop-new"]


def test_a_target_whose_writers_ran_but_wrote_nothing_is_stopped_and_deleted(move: Callable[..., Path]) -> None:
    one, other = source(), target()
    run = move(one, other)
    web, patched = web_of(other, "shop-new"), []
    web["spec"]["replicas"] = 1
    answer = other._exec
    other._exec = lambda word: patched.append(web["spec"]["replicas"]) or answer(word)  # type: ignore[method-assign, func-returns-value] # notes the replicas at each reading
    go_back(run, one, other)
    assert patched[0] == 0
    assert other.deleted == ["shop-new"]


def test_a_started_target_is_not_deleted_even_if_its_data_are_equal(
    move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal fingerprints do not hold everything, and its writers may have taken writes since."""
    one, other = source(), target()
    run = move(one, other)
    start(run, one, other)
    patched: list[str] = []
    patch = other._patch
    monkeypatch.setattr(other, "_patch", lambda name, *how: patched.append(name) or patch(name, *how))  # type: ignore[func-returns-value] # notes what is patched
    with pytest.raises(Misconfigured) as refused:
        go_back(run, one, other)
    assert patched == []
    wanted = ("deployment/web", "cronjob/nightly", "shop-new of new", "--lose-writes")
    assert [fact for fact in wanted if fact not in str(refused.value)] == []
    assert other.deleted == []
    assert web_of(other, "shop-new")["spec"]["replicas"] == 2
    said = go_back(run, one, other, lose_writes=True)
    assert "deployment/web" in said[0]
    assert other.deleted == ["shop-new"]


def test_writers_that_only_a_command_stops_may_write_at_the_target(move: Callable[..., Path]) -> None:
    one, other = source(), target()
    run = move(one, other, replace(RENAMED, quiesce="stop", resume="go"))
    with pytest.raises(Misconfigured, match="--quiesce"):
        go_back(run, one, other, resume="go")
    assert other.deleted == []
    go_back(run, one, other, resume="go", lose_writes=True)
    assert other.deleted == ["shop-new"]


def test_a_way_back_that_is_interrupted_lets_the_target_run_on(move: Callable[..., Path]) -> None:
    one, other = source(), target()
    run = move(one, other)
    web_of(other, "shop-new")["spec"]["replicas"] = 3

    def interrupted(word: str) -> str:
        raise KeyboardInterrupt

    other._exec = interrupted  # type: ignore[method-assign] # Ctrl-C while it is read
    with pytest.raises(KeyboardInterrupt):
        go_back(run, one, other)
    assert other.deleted == []
    assert web_of(other, "shop-new")["spec"]["replicas"] == 3


def test_a_writer_that_stays_stopped_after_a_refusal_is_named(
    move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = source(), target()
    run = move(one, other)
    web_of(other, "shop-new")["spec"]["replicas"] = 1
    other.says["digest"] = ALTERED
    patch = other._patch

    def refused(writer: str, where: str, change: dict[str, Any]) -> None:
        if change["spec"] != {"replicas": 0}:
            raise ToolFailed(["kubectl", "patch"], 1, "forbidden")
        patch(writer, where, change)

    monkeypatch.setattr(other, "_patch", refused)
    with pytest.raises(HarnessError, match=r"deployment/web .*forbidden.* shop-new"):
        go_back(run, one, other)
    assert other.deleted == []


def test_a_namespace_that_this_run_did_not_make_is_left_alone(move: Callable[..., Path]) -> None:
    one, other = source(), target()
    run = move(one, other)
    other.namespaces["shop-new"]["metadata"]["labels"]["drillproof.run"] = "another"
    assert "did not create" in go_back(run, one, other)[0]
    assert other.deleted == []


def test_a_source_that_takes_no_write_is_no_way_back(
    move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.core.timeouts.READ_S", 0.05)
    one, other = source(), target()
    run = move(one, other)
    one.fails = "probe"
    with pytest.raises(HarnessError, match=r"shop of prod .* mysql"):
        go_back(run, one, other)


def test_the_targets_writers_are_let_go(move: Callable[..., Path]) -> None:
    one, other = source(), target()
    (said,) = start(move(one, other), one, other)
    assert [fact for fact in ("shop-new of new", "deployment/web", "cronjob/nightly") if fact not in said] == []
    assert web_of(other, "shop-new")["spec"]["replicas"] == 2
    assert of(one, "Deployment")["spec"]["replicas"] == 0


def _written_during_the_reading(one: Side) -> None:
    _scaled_up_while_read(one, lambda: of(one, "Deployment"))


NOT_QUIET: dict[str, tuple[Callable[[Side], object], tuple[str, ...]]] = {
    "a writer scaled up": (
        lambda one: of(one, "Deployment")["spec"].update(replicas=2),
        ("deployment/web", "2 pods"),
    ),
    "a pod of a stopped writer": (
        lambda one: held(one, {**thing("Pod", "web-1"), "metadata": {"name": "web-1", "labels": {"app": "web"}}}),
        ("deployment/web", "1 of its pods"),
    ),
    "a job not suspended": (
        lambda one: of(one, "CronJob")["spec"].update(suspend=False),
        ("cronjob/nightly", "not suspended"),
    ),
    "a writer scaled up while it is read": (_written_during_the_reading, ("deployment/web", "1 pods")),
    "a writer deleted": (lambda one: one.things["shop"].remove(of(one, "Deployment")), ("deployment/web",)),
    "a write": (
        lambda one: one.says.update(digest=ALTERED),
        ("1 parts of mysql shop/db-0 differ", "table shop.orders"),
    ),
    "a database that cannot be read": (lambda one: setattr(one, "fails", "digest"), ("mysql shop/db-0",)),
}


@pytest.mark.parametrize("name", NOT_QUIET)
def test_a_target_is_not_started_beside_a_source_that_may_have_new_writes(move: Callable[..., Path], name: str) -> None:
    """Both sides would take writes, and neither would have all of them."""
    spoil, facts = NOT_QUIET[name]
    one, other = source(), target()
    run = move(one, other)
    assert told(run)["verdict"] == "pass"
    spoil(one)
    with pytest.raises(Misconfigured) as refused:
        start(run, one, other)
    assert [
        fact for fact in (*facts, "shop of prod", f"migrate back {run.name}") if fact not in str(refused.value)
    ] == []
    assert "\n" not in str(refused.value)
    assert web_of(other, "shop-new")["spec"]["replicas"] == 0


def test_a_target_is_not_started_if_the_end_of_the_source_was_not_recorded(move: Callable[..., Path]) -> None:
    one, other = source(), target()
    run = rollback.moved(move(one, other))
    with pytest.raises(Misconfigured, match="mysql shop/db-0"):
        rollback.start(replace(run, source_digests={}), *_ways(one, other), say=lambda _: None)
    assert web_of(other, "shop-new")["spec"]["replicas"] == 0


def finish(run: Path, verb: str, *more: str) -> int:
    """`migrate start` or `migrate back` with a kubeconfig and a drillproof.toml that allows both contexts."""
    for name, content in (("config", ""), ("drillproof.toml", 'migrate = ["prod", "new"]')):
        if not (run.parent / name).exists():
            (run.parent / name).write_text(content)
    files = ("--kubeconfig", str(run.parent / "config"), "--config", str(run.parent / "drillproof.toml"))
    return main(["migrate", verb, str(run), *files, *more])


def clusters(monkeypatch: pytest.MonkeyPatch, one: Side, other: Side) -> None:
    """The contexts lead to these."""
    monkeypatch.setattr(assembly, "kubectl_of", lambda _, place: {"prod": one, "new": other}[place.context].kubectl)


def unchanged(one: Side, other: Side) -> bool:
    stopped = (of(one, "Deployment"), web_of(other, "shop-new"))
    return other.deleted == [] and [each["spec"]["replicas"] for each in stopped] == [0, 0]


def test_a_signed_migration_is_started_and_moved_back(
    move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = source(), target()
    clusters(monkeypatch, one, other)
    run = move(one, other)
    conclude(run, keys.signer())
    assert finish(run, "start") == 0
    assert web_of(other, "shop-new")["spec"]["replicas"] == 2
    assert finish(run, "back") == 64
    assert finish(run, "back", "--lose-writes") == 0
    assert other.deleted == ["shop-new"]


def _forge(run: Path) -> None:
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"unfreeze": "touch forged"}))


NOT_TRUSTED: dict[str, tuple[Callable[[Path, Side, Side], object], tuple[str, ...]]] = {
    "not signed": (lambda run, *_: shutil.rmtree(run / "signed"), ("signed/evidence",)),
    "signed by a stranger": (lambda run, *_: conclude(run, keys.fresh()), ("not known here",)),
    "changed since": (lambda run, *_: _forge(run), ("run.json",)),
    "another source": (lambda run, one, other: setattr(one, "uid", "three"), ("prod", "three", "one")),
    "another target": (lambda run, one, other: setattr(other, "uid", "three"), ("new", "three", "two")),
    "not allowed": (
        lambda run, *_: (run.parent / "drillproof.toml").write_text('migrate = ["prod"]'),
        ("new", "drillproof.toml"),
    ),
}


@pytest.mark.parametrize("verb", ["start", "back"])
@pytest.mark.parametrize("name", NOT_TRUSTED)
def test_a_run_that_cannot_be_trusted_changes_nothing(
    move: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verb: str,
    name: str,
) -> None:
    spoil, facts = NOT_TRUSTED[name]
    one, other = source(), target()
    clusters(monkeypatch, one, other)
    run = move(one, other)
    conclude(run, keys.signer())
    spoil(run, one, other)
    assert finish(run, verb) == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert [fact for fact in facts if fact not in line] == []
    assert unchanged(one, other)


class _Killed(BaseException):
    """As kill -9: nothing of the process comes after it."""


def _killed(
    move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, one: Side, other: Side, steps: int, *, cut: bool = True
) -> Path:
    """A migration that is killed after this many steps, while it writes a line of its journal."""
    clusters(monkeypatch, one, other)
    monkeypatch.setattr(Migration, "_thaw", lambda _: None)
    signed: list[Path] = []

    def sign(run: Path) -> None:
        attestation.sign_progress(run, keys.signer())
        signed.append(run)
        if len(signed) > steps:
            shutil.copytree(run, run.parent.parent / "killed")
            raise _Killed

    with pytest.raises(_Killed):
        move(one, other, sign=sign)
    run = signed[0]
    shutil.rmtree(run)
    (run.parent.parent / "killed").rename(run)
    with (run / "journal.jsonl").open("a") as file:
        file.write('{"seq": 9' if cut else "")
    of(one, "Deployment")["status"]["readyReplicas"] = 2
    return run


@pytest.mark.parametrize("steps", range(5))
def test_a_killed_migration_is_taken_back(
    move: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    steps: int,
) -> None:
    one, other = source(), target()
    run = _killed(move, monkeypatch, one, other, steps)
    assert of(one, "Deployment")["spec"]["replicas"] == (0 if steps else 2)
    assert main(["verify", str(run)]) != 0
    assert finish(run, "start") == 64
    if steps == 3:  # the target may have been written to: it was never read
        assert finish(run, "back") == 64
        assert "recorded no fingerprint" in capsys.readouterr().err
        assert finish(run, "back", "--lose-writes") == 0
    else:
        assert finish(run, "back") == 0
    assert other.deleted == (["shop-new"] if steps > 2 else [])
    assert of(one, "Deployment")["spec"]["replicas"] == 2


def _rewrite(run: Path) -> None:
    """The journal, whole and chained, with the target's fingerprint as the source's, before the signed lines end."""
    events = [
        replace(event, data={**event.data, "writers": []}) if event.kind == "frozen" else event
        for event in journals.before_damage(run / "journal.jsonl")
    ]
    (run / "journal.jsonl").unlink()
    journals.write(run / "journal.jsonl", events)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_forge, "run.json: was changed"),
        (_rewrite, "journal.jsonl: was changed"),
        (lambda run: (run / "journal.jsonl").write_text(""), "journal.jsonl: was changed"),
        (lambda run: (run / "journal.jsonl").unlink(), "journal.jsonl: is missing"),
        (lambda run: (run / "signed" / "progress.dsse.json").unlink(), "signed/evidence"),
        (lambda run: (run / "signed" / "progress.dsse.json").write_text("{}"), "signed/progress"),
        (lambda run: (run / "signed" / "evidence.dsse.json").write_text("{}"), "signed/evidence"),
        (lambda run: attestation.sign_progress(run, keys.fresh()), "not known here"),
    ],
)
def test_a_killed_migration_that_was_changed_is_refused(
    move: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], object],
    said: str,
) -> None:
    one, other = source(), target()
    run = _killed(move, monkeypatch, one, other, 4, cut=False)
    spoil(run)
    capsys.readouterr()
    assert finish(run, "back", "--lose-writes") == 64
    assert said in capsys.readouterr().err
    assert unchanged(one, other)


def test_what_a_killed_journal_says_beyond_its_signed_lines_is_not_believed(
    move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = source(), target()
    run = _killed(move, monkeypatch, one, other, 3, cut=False)
    path = run / "journal.jsonl"
    events = journals.read(path)
    parts = next(event.data["parts"] for event in events if event.kind == "digest")
    forged = [
        replace(events[-1], kind="digest", data={"store": database["key"], "when": "after", "parts": parts})
        for database in json.loads((run / "run.json").read_text())["databases"]
    ]
    path.unlink()
    journals.write(path, [*events, *forged])
    assert finish(run, "back") == 64
    assert unchanged(one, other)


def test_the_evidence_replaces_the_progress(move: Callable[..., Path]) -> None:
    run = move(source(), target(), sign=lambda run: attestation.sign_progress(run, keys.signer()))
    assert (run / "signed" / "progress.dsse.json").exists()
    conclude(run, keys.signer())
    assert main(["verify", str(run)]) == 0
    assert sorted(path.name for path in (run / "signed").iterdir()) == sorted(
        f"{what}.{end}" for what in ("evidence", "verdict") for end in ("dsse.json", "pub")
    )


def test_no_command_out_of_a_run_directory_is_run(
    move: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = source(), target()
    clusters(monkeypatch, one, other)
    run = move(one, other, replace(RENAMED, quiesce="true", resume=f"touch {tmp_path}/recorded"))
    conclude(run, keys.signer())
    assert finish(run, "back", "--lose-writes") == 64
    assert "--resume" in capsys.readouterr().err
    assert unchanged(one, other)
    assert finish(run, "back", "--lose-writes", "--resume", f"touch {tmp_path}/given") == 0
    assert [(tmp_path / name).exists() for name in ("recorded", "given")] == [False, True]


def test_a_cluster_that_was_not_recorded_is_refused() -> None:
    with pytest.raises(Misconfigured, match="prod"):
        assembly.require_cluster(end_of(source(), Place("prod", "shop")), "")


def test_writers_that_another_run_stopped_stay_stopped(move: Callable[..., Path]) -> None:
    one, other = source(), target()
    run = move(one, other)
    of(one, "Deployment")["metadata"]["annotations"][BY] = f"{run.name}-2; back"
    go_back(run, one, other)
    assert of(one, "Deployment")["spec"]["replicas"] == 0
    assert of(one, "CronJob")["spec"]["suspend"] is False


def test_only_a_move_that_passed_is_started(move: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    other = target()
    other.says["digest"] = ALTERED
    run = move(source(), other)
    conclude(run, keys.signer())
    assert finish(run, "start") == 64
    assert "drillproof migrate back" in capsys.readouterr().err


def test_a_drill_is_no_move(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = rundirs.create(tmp_path, "namespace_loss", {})
    journal = Journal(run / "journal.jsonl", Clock())
    journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
    journal.close()
    conclude(run, keys.signer())
    assert main(["migrate", "back", str(run)]) == 64
    assert "is no migration" in capsys.readouterr().err
