"""kubectl is stood in for by a script that prints what kubectl would."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from harness.core.errors import TimedOut, ToolFailed
from harness.core.json import integer, items, keys, text
from harness.core.kubernetes import Kubectl, condition, describe_pod, objects
from harness.core.model import Json, Volume
from harness.workloads.deployment import Deployment

if TYPE_CHECKING:
    from harness.core.ports import Cluster


def stub(folder: Path, body: str) -> Kubectl:
    binary = folder / "kubectl"
    binary.write_text(f"#!/bin/sh\n{body}\n")
    binary.chmod(0o755)
    return Kubectl(binary, folder / "kubeconfig")


def test_every_command_names_its_own_cluster(tmp_path: Path) -> None:
    assert stub(tmp_path, 'echo "$@"')("get", "pods").split() == [f"--kubeconfig={tmp_path}/kubeconfig", "get", "pods"]


def test_a_context_is_named_where_there_is_one(tmp_path: Path) -> None:
    named = replace(stub(tmp_path, 'echo "$@"'), context="staging")
    assert named("get", "pods").split() == [f"--kubeconfig={tmp_path}/kubeconfig", "--context=staging", "get", "pods"]


def test_a_forward_is_open_inside_the_block_and_gone_after_it(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    kubectl = stub(
        tmp_path,
        f"""trap 'rm {alive}; exit' TERM
touch {alive}
echo "Forwarding from 127.0.0.1:40123 -> 8300"
while :; do sleep 0.01; done""",
    )
    with kubectl.forward("custos", "consul-0", 8300) as address:
        assert address == ("127.0.0.1", 40123)
        assert alive.exists()
    assert not alive.exists()


def test_a_forward_to_no_pod_says_what_kubectl_said(tmp_path: Path) -> None:
    kubectl = stub(tmp_path, "echo 'pods \"consul-0\" not found' >&2; exit 1")
    with pytest.raises(ToolFailed, match="not found"), kubectl.forward("custos", "consul-0", 8300):
        pass


def test_a_forward_that_never_comes_is_given_up(tmp_path: Path) -> None:
    kubectl = stub(tmp_path, "exec sleep 5")
    with pytest.raises(TimedOut, match="custos/consul-0"), kubectl.forward("custos", "consul-0", 8300, within_s=0.1):
        pass


def test_a_volume_is_its_claim_and_what_it_is_bound_to(tmp_path: Path) -> None:
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["worker"]}]}
    local = {"local": {"path": "/x"}, "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}
    things = [
        {"kind": "PersistentVolumeClaim", "metadata": {"name": "b", "uid": "u2"}, "spec": {}},
        {"kind": "PersistentVolumeClaim", "metadata": {"name": "a", "uid": "u1"}, "spec": {"volumeName": "pv-a"}},
        {"kind": "PersistentVolume", "metadata": {"name": "pv-a", "uid": "u9"}, "spec": local},
        {"kind": "PersistentVolume", "metadata": {"name": "other", "uid": "u8"}, "spec": {"hostPath": {}}},
    ]
    (tmp_path / "answer").write_text(json.dumps({"items": things}))
    assert stub(tmp_path, f"cat {tmp_path}/answer").volumes("custos") == (
        Volume("a", "u1", "pv-a", "u9", "local", "worker", "/x"),
        Volume("b", "u2", "", "", ""),
    )


def test_objects_are_the_listed_ones(tmp_path: Path) -> None:
    assert objects(stub(tmp_path, """echo '{"items": [{"kind": "Pod"}]}'"""), "pods") == ({"kind": "Pod"},)


def test_what_an_object_does_not_have_is_empty() -> None:
    thing: Json = {"status": {"phase": "Done", "n": 3, "conditions": [{"type": "Ready", "status": "True"}]}}
    assert (text(thing, "status", "phase"), text(thing, "spec", "phase"), text(thing, "status", "phase", "x")) == (
        "Done",
        "",
        "",
    )
    assert (integer(thing, "status", "n"), integer(thing, "status", "phase")) == (3, 0)
    assert (len(items(thing, "status", "conditions")), items(thing, "status")) == (1, ())
    assert (keys(thing, "status"), keys(thing, "status", "n")) == (("conditions", "n", "phase"), ())
    assert (condition(thing, "Ready"), condition(thing, "Sunny")) == ("True", "")


def pod(*containers: Json, ready: str = "False", phase: str = "Running", name: str = "consul-1") -> dict[str, Json]:
    status: Json = {
        "phase": phase,
        "conditions": [{"type": "Ready", "status": ready}],
        "containerStatuses": containers,
    }
    return {"kind": "Pod", "metadata": {"name": name}, "status": status}


def ended(message: str) -> Json:
    return {"terminated": {"exitCode": 1, "reason": "Error", "message": message}}


LOOPS = "Running: consul CrashLoopBackOff, ended with 1"
WAITING: Json = {"waiting": {"reason": "CrashLoopBackOff"}}


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ({"name": "consul", "state": {"running": {}}}, "Running: consul running"),
        (
            {"name": "consul", "state": WAITING, "lastState": ended("")},
            "Running: consul CrashLoopBackOff, ended with 1",
        ),
        ({"name": "consul", "state": ended("")}, "Running: consul Error, ended with 1"),
        (
            {
                "name": "consul",
                "state": WAITING,
                "lastState": ended("starting\n[ERROR] CRC mismatch\nExit code: 1\n\n"),
            },
            "Running: consul CrashLoopBackOff, ended with 1 ([ERROR] CRC mismatch)",
        ),
        (
            {"name": "consul", "state": ended("one failed\ntwo failed\nthree failed\nfour failed")},
            "Running: consul Error, ended with 1 (two failed | three failed | four failed)",
        ),
        ({"name": "consul", "state": ended("Killed\n")}, "Running: consul Error, ended with 1 (Killed)"),
    ],
)
def test_a_pod_says_where_it_stands_and_how_it_ended(container: Json, said: str) -> None:
    assert describe_pod(pod(container)) == said
    assert describe_pod(pod()) == "Running: no container yet"


def test_a_pod_that_no_node_takes_says_so_in_the_schedulers_words() -> None:
    why: Json = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}
    pending: Json = {"phase": "Pending", "conditions": [why]}
    assert describe_pod({"kind": "Pod", "status": pending}) == "Pending: no node takes it: no room"


def test_the_pods_that_are_not_ready_say_so_and_no_others(tmp_path: Path) -> None:
    done = pod({"name": "job", "state": ended("")}, phase="Succeeded", name="job")
    listed = [pod({"name": "consul", "state": WAITING}), pod(ready="True", name="consul-2"), done]
    (tmp_path / "pods.json").write_text(json.dumps({"items": listed}))
    cluster = cast("Cluster", SimpleNamespace(kubectl=stub(tmp_path, f"cat {tmp_path}/pods.json")))
    assert Deployment(cluster, "custos", "dump", tmp_path, {}).not_ready() == (
        "consul-1 Running: consul CrashLoopBackOff",
    )
