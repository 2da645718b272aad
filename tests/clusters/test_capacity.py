"""Quantities, quotas and room on nodes."""

from __future__ import annotations

import sys
from decimal import Decimal

import pytest

from harness.clusters.capacity import parse_quantity, require_quota, shortages
from harness.core.errors import Misconfigured
from harness.core.kubernetes import Object
from harness.core.model import Json
from harness.core.process import run

STATEFUL_SET: Object = {
    "kind": "StatefulSet",
    "spec": {
        "replicas": 3,
        "template": {"spec": {"containers": [{"resources": {"requests": {"cpu": "50m", "memory": "128Mi"}}}]}},
        "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": "1Gi"}}}}],
    },
}


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("100m", "0.1"),
        ("100u", "0.0001"),
        ("5n", "0.000000005"),
        ("1e3", "1000"),
        ("1E", "1000000000000000000"),
        ("0.5Gi", "536870912"),
        ("1k", "1000"),
        ("2", "2"),
        (2, "2"),
        (0.5, "0.5"),
        (None, "0"),
    ],
)
def test_a_quantity_is_read(value: Json, number: str) -> None:
    assert parse_quantity(value, "x") == Decimal(number)


@pytest.mark.parametrize("value", ["many", "", "1Gib", "1ki", "NaN", "Infinity", [], True])
def test_an_invalid_quantity_is_named_with_its_owner_on_one_line(value: Json) -> None:
    with pytest.raises(Misconfigured) as refused:
        parse_quantity(value, "Pod a, requests.cpu")
    assert "Pod a, requests.cpu" in str(refused.value)
    assert repr(value) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_client_library_is_not_loaded_before_a_quantity_is_read() -> None:
    script = "import sys, harness.cli.app, harness.clusters.capacity; sys.exit('kubernetes' in sys.modules)"
    assert run([sys.executable, "-c", script], check=False).exit_code == 0


@pytest.mark.parametrize(
    ("hard", "used", "short"),
    [
        ({"pods": "3", "requests.cpu": "150m", "memory": "384Mi", "requests.storage": "3Gi"}, {}, ()),
        ({"pods": "3"}, {"pods": "1"}, ("pods", "3", "q", "2")),
        ({"cpu": "0.1"}, {}, ("cpu", "0.15", "0.1")),
        ({"cpu": "100000u"}, {}, ("cpu", "0.15", "0.1")),
        ({"requests.storage": "2G"}, {}, ("requests.storage", "3221225472", "2000000000")),
        ({"persistentvolumeclaims": "2"}, {}, ("persistentvolumeclaims", "3", "2")),
        ({"services.loadbalancers": "0"}, {}, ()),
        ({"pods": "many"}, {}, ("'many'",)),
    ],
)
def test_a_quota_that_is_too_small_is_named(hard: Json, used: Json, short: tuple[str, ...]) -> None:
    quota: Object = {"kind": "ResourceQuota", "metadata": {"name": "q"}, "status": {"hard": hard, "used": used}}
    if not short:
        require_quota([quota], [STATEFUL_SET])
        return
    with pytest.raises(Misconfigured) as refused:
        require_quota([quota], [STATEFUL_SET])
    assert not [fact for fact in short if fact not in str(refused.value)]


def pod(cpu: str, node: str = "") -> Object:
    return {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"nodeName": node, "containers": [{"resources": {"requests": {"cpu": cpu}}}]},
    }


def node(cpu: str, *taints: Json) -> Object:
    return {"metadata": {"name": "a"}, "spec": {"taints": taints}, "status": {"allocatable": {"cpu": cpu}}}


def test_a_node_that_takes_no_pods_has_no_room() -> None:
    assert shortages([pod("1")], [node("4")], []) == ()
    assert shortages([pod("1")], [node("4", {"effect": "NoSchedule"})], []) == ("cpu 1.00 requested, 0.00 free",)


def test_requests_in_any_notation_are_counted() -> None:
    """`900000u` was once counted as 0, which made a full node look empty."""
    assert shortages([pod("200m")], [node("1e0")], [pod("900000u", "a")]) == ("cpu 0.20 requested, 0.10 free",)
