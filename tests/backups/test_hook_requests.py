"""The hooks that a backup asks for, in its definition and in its pods, and what a proof says if they did not run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nightly import good, pod
from proving import World, red
from proving import prove as prove  # noqa: PLC0414 # a fixture

from harness.backups.hook_requests import HookRequests, hook_requests
from harness.core.model import Json

Prove = Callable[..., Path]
COMMAND: Json = {"exec": {"container": "db", "command": ["/bin/sh", "/freeze.sh"]}}
ANNOTATED: dict[str, Json] = {"pre.hook.backup.velero.io/command": '["true"]'}


def hook(name: str = "freeze", **selector: Json) -> dict[str, Any]:
    """A hook of a Schedule, before and after each pod that it selects."""
    return {"name": name, "pre": [COMMAND], "post": [COMMAND], **selector}


def labelled(name: str = "db-0", annotations: dict[str, Json] | None = None, **labels: Json) -> dict[str, Any]:
    found = {**pod(name)}
    meta: Json = {"name": name, "namespace": "shop", "labels": labels, "annotations": annotations or {}}
    return {**found, "metadata": meta}


def backup(*hooks: Json) -> dict[str, Json]:
    return {"spec": {"hooks": {"resources": list(hooks)}}}


SELECTORS: tuple[tuple[dict[str, Any], int], ...] = (
    ({}, 2),
    ({"includedNamespaces": ["shop"]}, 2),
    ({"includedNamespaces": ["sh*"]}, 2),
    ({"includedNamespaces": ["other"]}, 0),
    ({"excludedNamespaces": ["shop"]}, 0),
    ({"includedResources": ["pods"]}, 2),
    ({"includedResources": ["po"]}, 2),
    ({"includedResources": ["deployments"]}, 0),
    ({"excludedResources": ["*"]}, 0),
    ({"labelSelector": {"matchLabels": {"app": "db"}}}, 2),
    ({"labelSelector": {"matchLabels": {"app": "web"}}}, 0),
    ({"labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["db"]}]}}, 2),
    ({"labelSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["db"]}]}}, 0),
    ({"labelSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}, 2),
    ({"labelSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}}, 0),
)


@pytest.mark.parametrize(("selector", "count"), SELECTORS)
def test_a_hook_of_the_definition_runs_in_each_pod_that_it_selects(selector: dict[str, Any], count: int) -> None:
    found = hook_requests(backup(hook(**selector)), [labelled(app="db")])
    assert found.count == count
    assert len(found.idle) == (0 if count else 2)


def test_an_annotation_replaces_the_hook_of_the_definition_of_that_phase_in_that_pod() -> None:
    pods = [labelled(annotations=ANNOTATED), labelled("db-1")]
    assert hook_requests(backup(hook()), pods) == HookRequests({"shop/db-0": 2, "shop/db-1": 2})
    alone = hook_requests(backup(hook()), pods[:1])
    assert alone.count == 2
    assert alone.idle == ("the pre hook freeze: shop/db-0 has its own annotation",)


def test_a_hook_without_a_command_asks_for_nothing() -> None:
    assert hook_requests(backup({"name": "empty", "pre": []}), [labelled()]) == HookRequests({})


def proved(prove: Prove, *hooks: Json, ran: int | None, pods: list[Any] | None = None) -> list[Any]:
    status: dict[str, Any] = {"hookStatus": None} if ran is None else {"hookStatus": {"hooksAttempted": ran}}
    bucket = good(pods=pods or [pod()])
    return red(prove(World(bucket.backup(spec={"hooks": {"resources": list(hooks)}}, **status))))


ELSEWHERE = hook(includedNamespaces=["shop-old"])


def test_hooks_of_the_definition_that_ran_are_fine(prove: Prove) -> None:
    assert proved(prove, hook(), ran=2) == []


def test_a_hook_of_the_definition_that_selects_no_pod_fails(prove: Prove) -> None:
    (found,) = proved(prove, ELSEWHERE, ran=0)
    assert found[:2] == ("backup-complete", "fail")
    assert {"HookDidNotRun", "the pre hook freeze: it selects no pod"} <= found[2]


def test_no_hook_stands_in_for_another(prove: Prove) -> None:
    other = labelled("web-0", {**ANNOTATED})
    other["spec"] = {"containers": [{"name": "web", "image": "nginx"}], "volumes": []}
    assert proved(prove, ELSEWHERE, ran=1, pods=[pod(), other])[0][1] == "fail"
    (found,) = proved(prove, hook(includedNamespaces=["shop"]), ran=1, pods=[pod(), other])
    assert found == ("backup-complete", "fail", {"HookDidNotRun"})


def test_more_hooks_than_are_asked_for_may_hide_one_that_did_not_run(prove: Prove) -> None:
    assert proved(prove, hook(), ran=3) == [("backup-complete", "unknown", {"HookUnexpected"})]


def test_a_velero_that_reports_no_hooks_leaves_it_unknown_whether_they_ran(prove: Prove) -> None:
    assert proved(prove, hook(), ran=None) == [("backup-complete", "unknown", {"NotRecorded"})]


def test_hooks_of_pods_in_namespaces_that_are_not_restored_are_counted(prove: Prove) -> None:
    of_cluster: dict[str, Any] = {
        **pod("dns"),
        "metadata": {"name": "dns", "namespace": "kube-system", "annotations": ANNOTATED},
    }
    assert proved(prove, ran=1, pods=[pod(), of_cluster]) == []
    assert proved(prove, ran=0, pods=[pod(), of_cluster])[0][1] == "fail"
