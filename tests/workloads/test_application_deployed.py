"""What an application of the user's becomes in a drill: what is deployed, what is hidden, what the run says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest
import shop
from in_memory import MemoryEngine, MemoryStore, World, run_in_memory

from harness.backups.data_mover import ENGINE as SNAPSHOTS
from harness.checks.backup import backup_complete
from harness.clusters.environment import Environment, EnvironmentCluster
from harness.clusters.local import LocalEnvironment
from harness.core.errors import Misconfigured
from harness.core.json import at, items, text
from harness.core.kubernetes import LABEL
from harness.core.model import Json, Protected, Verdict
from harness.core.ports import Cluster
from harness.core.wait import NotYet
from harness.evidence.run_directory import Run
from harness.selftest.runner import in_memory_self_test
from harness.workflows.drill import assembly, preflight, request
from harness.workflows.drill.request import Options
from harness.workflows.progress import Progress
from harness.workflows.run_metadata import of_drill
from harness.workloads.deployment import Deployment
from harness.workloads.manifests.load import load

RUN = "20261124T000000Z-namespace_loss"


@dataclass
class Applied:
    """A cluster that keeps what is applied to it, and lists these objects."""

    listed: list[Json] = field(default_factory=list)
    things: list[Mapping[str, Json]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "apply" and stdin is not None:
            thing = json.loads(stdin)
            self.things += items(thing, "items") or [thing]  # type: ignore[arg-type] # objects
        elif args[0] == "apply":
            self.folders.append(args[-1])
        return json.dumps({"items": self.listed}) if "json" in args and args[1] != "namespace" else ""


@dataclass
class Supplied:
    """What a machine has, as far as a run shows it."""

    isolated = True

    def facts(self) -> dict[str, Json]:
        return {}


@pytest.fixture
def options(tmp_path: Path) -> Options:
    file = shop.FILE + '[[generate]]\nsecret = "more"\nkeys = ["token"]\n'
    space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: till}}"
    (asked,) = request.options(["namespace_loss"], application=load(shop.write(tmp_path, file=file, space=space)))
    return asked


def deployed(options: Options, cluster: Applied, fresh: Mapping[str, Mapping[str, str]]) -> Deployment:
    assert options.application
    assert options.application.by_manifests
    things = options.application.by_manifests.to_deploy(fresh)
    return Deployment(cast("Cluster", cluster), "shop", "dump", Path(), {}, objects=things)


def test_its_own_objects_are_deployed_and_nothing_of_our_fixtures(options: Options) -> None:
    cluster = Applied()
    deployed(options, cluster, {"more": {"token": "made-anew"}}).apply(RUN)
    kinds = [f"{text(thing, 'kind')} {text(thing, 'metadata', 'name')}" for thing in cluster.things]
    assert kinds[:3] == ["Namespace shop", "ConfigMap first-start", "Secret more"]
    assert sorted(kinds[3:]) == ["Deployment web", "Namespace shop", "Secret db", "StatefulSet db"]
    assert cluster.folders == []


def test_a_namespace_of_its_own_keeps_its_labels_and_is_ours_to_remove(options: Options) -> None:
    cluster = Applied()
    deployed(options, cluster, {}).apply(RUN)
    *_, labels = (at(thing, "metadata", "labels") for thing in cluster.things if thing["kind"] == "Namespace")
    assert labels == {"team": "till", LABEL: RUN}


def pod(name: str, phase: str, ready: str) -> Json:
    status: Json = {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}
    return {"kind": "Pod", "metadata": {"name": name}, "status": status}


def test_pods_of_deployments_are_waited_for_and_a_job_that_is_done_is_not(options: Options) -> None:
    web: Json = {"kind": "Deployment", "spec": {"replicas": 1}}
    job = pod("load-x", "Succeeded", "False")
    deployed(options, Applied([web, job, pod("web-x", "Running", "True")]), {}).ready()
    for listed in ([web, job], [web, job, pod("web-x", "Running", "False")]):
        with pytest.raises(NotYet):
            deployed(options, Applied(listed), {}).ready()


def test_a_job_that_the_manifests_make_is_waited_for_until_it_is_done(options: Options) -> None:
    done: Json = {"conditions": [{"type": "Complete", "status": "True"}]}
    web: list[Json] = [{"kind": "Deployment", "spec": {"replicas": 1}}, pod("web-x", "Running", "True")]
    job: dict[str, Json] = {"kind": "Job", "metadata": {"name": "load"}, "spec": {}}
    with pytest.raises(NotYet, match="load"):
        deployed(options, Applied([*web, job]), {}).ready()
    of_another: Json = {"name": "load", "ownerReferences": [{"kind": "CronJob"}]}
    for ended in ({**job, "status": done}, {**job, "spec": {"suspend": True}}, {**job, "metadata": of_another}):
        deployed(options, Applied([*web, ended]), {}).ready()


def test_its_secrets_are_made_anew_for_each_drill_and_are_in_no_evidence(options: Options) -> None:
    site = assembly.DrillSession(in_memory_self_test)
    site._reuse(options)
    first = dict(site._generated["more"])
    assert site._credentials == {"shop-mysql": {"password": "correct-horse"}}
    assert site.secrets() == {"correct-horse", "till-clerk", first["token"]}
    site._reuse(options)
    assert site._generated["more"] != first


def test_a_cluster_with_another_lane_of_velero_or_other_storage_is_not_used_again(options: Options) -> None:
    removed: list[str] = []

    class Old:
        def down(self) -> None:
            removed.append("down")

    def refuse(*_: object) -> Environment:
        raise Misconfigured("enough")

    site = assembly.DrillSession(in_memory_self_test, environment=refuse)
    for lane, engine, are_removed in (("1.16", "velero-kopia", 0), ("1.18", "velero-kopia", 1), ("1.18", SNAPSHOTS, 1)):
        site._cluster, site._nodes = cast("EnvironmentCluster", Old()), (site._nodes[0] or "1.16", site._nodes[1])
        with pytest.raises(Misconfigured, match="enough"):
            site.drill(replace(options, lane=lane, engine=engine), Progress(lambda _: None))
        assert len(removed) == are_removed
        assert bool(site._cluster) is not bool(are_removed)
        removed.clear()


def test_a_run_says_what_was_drilled_and_what_was_not_compared(options: Options) -> None:
    assert options.application
    facts = of_drill(options, options.application, cast("LocalEnvironment", Supplied()))
    assert (facts["application"], facts["stores"], facts["indexed"]) == (
        "shop",
        {"shop-mysql": ["db-0"]},
        ["shop-mysql"],
    )
    assert text(facts, "left_out", "application", "the files of web-* in uploads")
    assert "table: drillproof.ledger" in cast("dict[str, Json]", at(facts, "left_out", "shop-mysql"))
    every = replace(options, stores=())
    left_out = of_drill(every, options.application, cast("LocalEnvironment", Supplied()))["left_out"]
    assert text(left_out, "application", "shop-mysql") == "left out by --stores"
    assert "correct-horse" not in json.dumps(facts)


@dataclass
class Unlabelled(MemoryEngine):
    """Knows of no pod which store's it is, as its labels do not say."""

    world: World

    def __post_init__(self) -> None:
        super().__init__(self.world)

    def protected(self, namespace: str) -> tuple[Protected, ...]:
        return tuple(replace(volume, store="") for volume in super().protected(namespace))


def test_a_members_volume_is_its_stores_whatever_its_labels_say(tmp_path: Path) -> None:
    world = World()
    run = run_in_memory(tmp_path, world, (MemoryStore("shop-mysql", world),), engine=Unlabelled(world)).run
    said = backup_complete(Run(run))
    assert {(each.verdict, each.store) for each in said if each.member} == {(Verdict.PASS, "shop-mysql")}
    assert not any(each.verdict is Verdict.FAIL for each in said)


def test_nothing_is_seeded_into_it_but_the_ledger(options: Options) -> None:
    known = preflight.known_data(options)
    assert (known.stores, known.bytes_estimate()) == ((), 0)
