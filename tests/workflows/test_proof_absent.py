"""What a backup should hold and does not: namespaces of its spec, and what its own pods need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nightly import claim, good, pod
from proving import World, red, told
from proving import prove as prove  # noqa: PLC0414 # a fixture

from harness.core.model import Json

Prove = Callable[..., Path]
OWNER: dict[str, Json] = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "controller": True}


def owned(**changed: Json) -> dict[str, Any]:
    found = pod()
    meta = found["metadata"]
    assert isinstance(meta, dict)
    return {**found, "metadata": {**meta, "ownerReferences": [{**OWNER, **changed}]}}


def configured(name: str = "settings") -> dict[str, Any]:
    return pod(envFrom=[{"configMapRef": {"name": name}}])


SET = {"statefulsets.apps": [{"metadata": {"name": "db", "namespace": "shop"}}]}


@pytest.mark.parametrize(
    ("spec", "held"),
    [
        ({}, {}),
        ({"includedNamespaces": ["shop"]}, {}),
        ({"includedNamespaces": ["*"]}, {}),
        ({"includedNamespaces": ["sh*"]}, {}),
        ({}, {"pods": [owned()], **SET}),
        ({}, {"pods": [owned(controller=False)]}),
        ({}, {"pods": [configured()], "configmaps": [{"metadata": {"name": "settings", "namespace": "shop"}}]}),
        ({}, {"pods": [configured("kube-root-ca.crt")]}),
        ({}, {"pods": [owned(kind="Cluster")]}),
    ],
)
def test_a_backup_that_holds_what_it_should_is_fine(prove: Prove, spec: dict[str, Any], held: dict[str, Any]) -> None:
    assert red(prove(World(good(**held).backup(spec=spec)))) == []


@pytest.mark.parametrize(
    ("spec", "held", "lacks"),
    [
        (
            {"includedNamespaces": ["shop", "billing"]},
            {},
            "namespace billing (asked for by includedNamespaces)",
        ),
        ({}, {"pods": [owned()]}, "StatefulSet shop/db (creates shop/db-0"),
        ({"labelSelector": {}}, {"pods": [configured()]}, "ConfigMap shop/settings (needed by shop/db-0"),
        (
            {},
            {"persistentvolumeclaims": [claim("other")]},
            "PersistentVolumeClaim shop/data-db-0 (mounted by shop/db-0)",
        ),
    ],
)
def test_a_backup_that_lacks_what_it_should_hold_fails(
    prove: Prove, spec: dict[str, Any], held: dict[str, Any], lacks: str
) -> None:
    found = red(prove(World(good(**held).backup(spec=spec), claims=("data-db-0", "other"))))
    named = [each for each in found if "LeftOutByDefinition" in each[2]]
    assert [each[:2] for each in named] == [("backup-complete", "fail")]
    assert any(object_.startswith(lacks) for object_ in named[0][2])


def test_controllers_that_the_spec_leaves_out_are_created_by_something_else_and_not_proved(prove: Prove) -> None:
    run = prove(World(good(pods=[owned()]).backup(spec={"excludedResources": ["sts"]})))
    assert red(run) == []
    assert any("StatefulSet shop/db (creates shop/db-0" in each for each in told(run)["not_proved"])
