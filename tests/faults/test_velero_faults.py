"""Faults of what takes the backup: a pod's annotations, and Velero's own parts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect, HarnessError, TimedOut
from harness.core.ports import Reach, Target
from harness.faults.annotations import ANY, Annotate
from harness.faults.velero import (
    CancelUploads,
    ExpireBackups,
    KillWhileWorking,
    ReadOnlyLocation,
    SecondServer,
    SlowNodeAgent,
    While,
)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.01)
    monkeypatch.setattr(timeouts, "BACKUP_S", 0.01)


@dataclass
class Cluster:
    """One pod with annotations, and Velero's tasks by name with their phases; `then` is their phase once killed."""

    annotations: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)
    then: str = "Failed"
    marked: list[str] = field(default_factory=list)
    pods: tuple[str, ...] = ("deploy=velero", "name=node-agent")  # the labels of Velero's own, as it is installed
    killed: bool = False
    deaf: bool = False

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "patch" and args[1].startswith("datauploads"):
            assert '--patch={"spec": {"cancel": true}}' in args
            self.tasks[args[-1]] = self.then
        elif args[0] == "patch" and not self.deaf:
            for key, value in json.loads(args[-1])["metadata"]["annotations"].items():
                self.annotations.pop(key, None)
                self.annotations |= {} if value is None else {key: value}
        if args[0] == "delete":
            self.killed = True
        if args[0] == "label":
            *names, label = args[3:]  # kubectl takes no name after a label
            assert set(names) <= set(self.tasks)
            if label.endswith("-"):
                self.marked = [name for name in self.marked if name not in names]
            else:
                self.marked += names
                self.tasks |= dict.fromkeys(names, self.then)
        if args[:2] == ("get", "pods") and "--namespace=velero" in args:
            return json.dumps({"items": [{} for label in self.pods if f"--selector={label}" in args]})
        if args[:2] == ("get", "pods"):
            return json.dumps({"items": [{"metadata": {"name": "a", "annotations": self.annotations}}]})
        listed = self.marked if any("killed" in arg for arg in args) else self.tasks
        items = [{"metadata": {"name": name}, "status": {"phase": self.tasks[name]}} for name in listed]
        return json.dumps({"items": items})


def target(cluster: Cluster) -> Target:
    return Target(*cast("Any", (cluster, "custos", (), None, None)))


FAULT = Annotate("other-annotations", "a", {"backup": None, "hook": "false"})


def test_annotations_are_changed_seen_and_put_back() -> None:
    cluster = Cluster({"backup": "dump", "other": "x"})
    FAULT.inject(target(cluster))
    assert cluster.annotations["hook"] == "false"
    assert "backup" not in cluster.annotations
    assert FAULT.damage(target(cluster)) == {"backup": "was dump, is gone", "hook": "was None, is false"}
    for _ in range(2):
        FAULT.undo(target(cluster))
        assert cluster.annotations == {"backup": "dump", "other": "x"}


@pytest.mark.parametrize("cluster", [Cluster({"backup": "dump"}, deaf=True), Cluster({"hook": "false"})])
def test_annotations_that_are_what_they_were_are_no_damage(cluster: Cluster) -> None:
    FAULT.inject(target(cluster))
    with pytest.raises(FaultHadNoEffect, match=r"of a.*hook"):
        FAULT.damage(target(cluster))


def test_a_pod_that_is_not_there_cannot_be_changed() -> None:
    with pytest.raises(FaultHadNoEffect, match="pods b"):
        Annotate("x", "b", {"k": "v"}).inject(target(Cluster()))


def test_any_pod_with_the_annotations_is_changed_and_put_back() -> None:
    lost = Annotate("lost", ANY, {"backup": None})
    cluster = Cluster({"backup": "dump"})
    lost.inject(target(cluster))
    assert "backup" not in cluster.annotations
    assert lost.damage(target(cluster)) == {"backup": "was dump, is gone"}
    lost.undo(target(cluster))
    assert cluster.annotations == {"backup": "dump"}
    with pytest.raises(FaultHadNoEffect, match="backup"):
        lost.inject(target(Cluster({"other": "x"})))


KILL = KillWhileWorking("velero", "backups")


def test_a_task_that_was_in_progress_and_failed_is_the_damage_and_no_older_one() -> None:
    cluster = Cluster(tasks={"old": "Failed", "mine": "InProgress"})
    KILL.inject(target(cluster))
    assert cluster.killed
    assert KILL.damage(target(cluster)) == {"backups mine": "Failed"}


@pytest.mark.parametrize("part", ["velero", "node-agent"])
def test_a_part_is_killed_by_the_label_that_its_pods_bear_and_only_if_it_has_some(part: str) -> None:
    KillWhileWorking(part, "backups").inject(target(Cluster(tasks={"mine": "InProgress"})))
    with pytest.raises(FaultHadNoEffect, match=part):
        KillWhileWorking(part, "backups").inject(target(Cluster(tasks={"mine": "InProgress"}, pods=())))


def test_uploads_are_cancelled_and_one_that_ended_first_is_no_damage() -> None:
    cluster = Cluster(tasks={"old": "Completed", "mine": "Accepted"}, then="Canceled")
    CancelUploads().inject(target(cluster))
    assert cluster.tasks["old"] == "Completed"
    assert CancelUploads().damage(target(cluster)) == {"datauploads mine": "Canceled"}
    late = Cluster(tasks={"mine": "InProgress"}, then="Completed")
    CancelUploads().inject(target(late))
    with pytest.raises(FaultHadNoEffect, match="datauploads"):
        CancelUploads().damage(target(late))


def test_a_task_that_came_to_a_good_end_all_the_same_is_no_damage() -> None:
    cluster = Cluster(tasks={"old": "Failed", "mine": "InProgress"}, then="Completed")
    KILL.inject(target(cluster))
    with pytest.raises(FaultHadNoEffect, match="backups"):
        KILL.damage(target(cluster))


def test_nothing_is_killed_before_its_moment() -> None:
    cluster = Cluster(tasks={"old": "Completed"})
    with pytest.raises(TimedOut, match="backups"):
        KILL.inject(target(cluster))
    assert not cluster.killed


def test_a_task_that_never_ends_is_waited_for_and_named() -> None:
    cluster = Cluster(tasks={"mine": "InProgress"}, then="InProgress")
    KILL.inject(target(cluster))
    with pytest.raises(TimedOut, match="mine"):
        KILL.damage(target(cluster))


@dataclass
class Expiring:
    """Two backups, in the cluster and in the bucket; those that have expired go when Velero starts anew."""

    backups: list[str] = field(default_factory=lambda: ["one", "two"])
    stays: str = ""  # in the cluster or in the bucket
    expired: list[str] = field(default_factory=list)
    bucket: str = "b"
    started_anew: bool = False

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "patch":
            assert json.loads(args[-2].removeprefix("--patch="))["status"]["expiration"] < "2026"
            self.expired.append(args[-1])
        if args[0] == "delete":
            self.started_anew = True
        if args[1] == "pods":
            return json.dumps({"items": [{}]})
        past = "2000-01-01T00:00:00Z"
        left = {name: past if name in self.expired else "2100-01-01T00:00:00Z" for name in self._left("cluster")}
        items = [{"metadata": {"name": name}, "status": {"expiration": until}} for name, until in left.items()]
        return json.dumps({"items": items})

    def client(self) -> Expiring:
        return self

    def list_objects_v2(self, Bucket: str, Prefix: str) -> dict[str, int]:  # noqa: N803 - boto's names
        assert (Bucket, Prefix) == ("b", "backups/")
        return {"KeyCount": len(self._left("bucket"))}

    def _left(self, where: str) -> list[str]:
        gone = self.expired if self.started_anew and self.stays != where else []
        return [name for name in self.backups if name not in gone]

    def target(self) -> Target:
        return Target(*cast("Any", (self, "custos", (), self, None)))


def test_every_backup_expires_and_is_seen_gone_from_cluster_and_bucket() -> None:
    world = Expiring()
    ExpireBackups().inject(world.target())
    assert world.expired == ["one", "two"]
    assert set(ExpireBackups().damage(world.target()).values()) == {"none is left"}


@pytest.mark.parametrize(
    ("stays", "seen"), [("cluster", "2 expired backups are left"), ("bucket", "2 objects of backups")]
)
def test_backups_that_stay_somewhere_are_no_damage(stays: str, seen: str) -> None:
    world = Expiring(stays=stays)
    ExpireBackups().inject(world.target())
    with pytest.raises(TimedOut, match=seen):
        ExpireBackups().damage(world.target())


def test_without_a_backup_none_can_expire() -> None:
    with pytest.raises(FaultHadNoEffect, match="no backup"):
        ExpireBackups().inject(Expiring(backups=[]).target())


@dataclass(frozen=True)
class Other:
    """Some other fault."""

    did: list[str]
    name: str = "other"
    needs: tuple[str, ...] = ("consul",)
    reach: Reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        self.did.append("inject")

    def damage(self, target: Target) -> dict[str, str]:
        self.did.append("damage")
        return {"seen": "by the other"}

    def undo(self, target: Target) -> None:
        self.did.append("undo")


def test_another_fault_strikes_while_a_task_is_to_be_done_and_is_over_when_it_has_ended() -> None:
    did: list[str] = []
    fault = While("restores", Other(did))
    assert (fault.name, fault.needs) == ("other during restores", ("consul",))
    with pytest.raises(TimedOut, match="restores"):
        fault.inject(target(Cluster(tasks={"old": "Completed"})))
    assert did == []
    cluster = Cluster(tasks={"old": "Failed", "mine": ""})
    fault.inject(target(cluster))
    assert did == ["inject", "damage", "undo"]
    assert fault.damage(target(cluster)) == {"restores mine": "Failed"}


@pytest.mark.parametrize(("then", "error"), [("Completed", FaultHadNoEffect), ("InProgress", TimedOut)])
def test_another_fault_that_the_task_survives_is_no_damage_and_is_taken_away(
    then: str, error: type[HarnessError]
) -> None:
    did: list[str] = []
    cluster, fault = Cluster(tasks={"mine": "New"}, then=then), While("restores", Other(did))

    def inject() -> None:
        fault.inject(target(cluster))
        fault.damage(target(cluster))

    with pytest.raises(error):
        inject()
    assert did[-1] == "undo"


def test_what_failed_in_an_earlier_drill_on_the_same_cluster_is_no_damage_of_this_one() -> None:
    cluster = Cluster(tasks={"old": "InProgress"})
    KILL.inject(target(cluster))
    assert KILL.damage(target(cluster)) == {"backups old": "Failed"}
    cluster.tasks["mine"], cluster.then = "InProgress", "Completed"
    KILL.inject(target(cluster))
    with pytest.raises(FaultHadNoEffect, match="backups"):
        KILL.damage(target(cluster))


@dataclass
class Agents:
    """The DaemonSet of the node agents, whose two pods take its limit once it was rolled out."""

    deaf: bool = False
    asked: str | None = None
    limit: str | None = None
    pods: int = 2

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "patch":
            (container,) = json.loads(args[-1].partition("=")[2])["spec"]["template"]["spec"]["containers"]
            assert container["name"] == "node-agent"
            self.asked = container["resources"]["limits"]["cpu"]
        if args[:2] == ("rollout", "status") and not self.deaf:
            self.limit = self.asked
        resources = {"limits": {"cpu": self.limit}} if self.limit else {}
        pods = [
            {"metadata": {"name": f"node-agent-{n}"}, "spec": {"containers": [{"resources": resources}]}}
            for n in range(self.pods)
        ]
        return json.dumps({"items": pods})


def test_node_agents_are_slow_until_they_are_not() -> None:
    agents = Agents()
    here = Target(*cast("Any", (agents, "custos", (), None, None)))
    SlowNodeAgent("50m").inject(here)
    assert set(SlowNodeAgent("50m").damage(here)) == {"node-agent-0", "node-agent-1"}
    for _ in range(2):
        SlowNodeAgent("50m").undo(here)
        with pytest.raises(FaultHadNoEffect, match="50m"):
            SlowNodeAgent("50m").damage(here)


@pytest.mark.parametrize("agents", [Agents(deaf=True), Agents(pods=0)])
def test_node_agents_that_took_no_limit_are_not_slow(agents: Agents) -> None:
    here = Target(*cast("Any", (agents, "custos", (), None, None)))
    SlowNodeAgent().inject(here)
    with pytest.raises(FaultHadNoEffect, match="100m"):
        SlowNodeAgent().damage(here)


@dataclass
class Servers:
    """Velero's Deployment; deaf, it stays as it is."""

    ready: int = 1
    deaf: bool = False

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[:2] == ("scale", "deployment/velero") and not self.deaf:
            self.ready = int(args[-1].removeprefix("--replicas="))
        status = [{"conditions": [{"type": "Ready", "status": word}]} for word in ["True"] * self.ready + ["False"]]
        return json.dumps({"items": [{"metadata": {"name": f"velero-{n}"}, "status": s} for n, s in enumerate(status)]})


def test_there_are_two_servers_until_there_is_one() -> None:
    servers = Servers()
    here = Target(*cast("Any", (servers, "custos", (), None, None)))
    SecondServer().inject(here)
    assert set(SecondServer().damage(here)) == {"velero-0", "velero-1"}
    for _ in range(2):
        SecondServer().undo(here)
        with pytest.raises(FaultHadNoEffect, match="velero-0"):
            SecondServer().damage(here)


def test_one_server_that_stayed_alone_is_no_damage() -> None:
    here = Target(*cast("Any", (Servers(deaf=True), "custos", (), None, None)))
    SecondServer().inject(here)
    with pytest.raises(FaultHadNoEffect):
        SecondServer().damage(here)


@dataclass
class Locations:
    """Two backup storage locations; the second one ignores a change if it is `deaf`."""

    deaf: bool = False
    modes: dict[str, str] = field(default_factory=lambda: {"default": "ReadWrite", "other": ""})

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "patch":
            mode = json.loads(args[4].removeprefix("--patch="))["spec"]["accessMode"]
            self.modes |= {name: mode for name in args[5:] if not (self.deaf and name == "other")}
        listed = [{"metadata": {"name": name}, "spec": {"accessMode": mode}} for name, mode in self.modes.items()]
        return json.dumps({"items": listed})


def test_every_location_is_read_only_until_it_is_undone() -> None:
    locations = Locations()
    here = Target(*cast("Any", (locations, "custos", (), None, None)))
    ReadOnlyLocation().inject(here)
    assert ReadOnlyLocation().damage(here) == {"location default": "ReadOnly", "location other": "ReadOnly"}
    for _ in range(2):
        ReadOnlyLocation().undo(here)
        assert set(locations.modes.values()) == {"ReadWrite"}


@pytest.mark.parametrize("locations", [Locations(deaf=True), Locations(modes={})])
def test_a_location_that_takes_backups_is_no_damage(locations: Locations) -> None:
    here = Target(*cast("Any", (locations, "custos", (), None, None)))
    ReadOnlyLocation().inject(here)
    with pytest.raises(FaultHadNoEffect, match="ReadOnly"):
        ReadOnlyLocation().damage(here)
