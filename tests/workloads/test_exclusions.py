"""What is not compared is told whole, and each with a reason."""

from __future__ import annotations

from harness.checks import proof_metrics
from harness.workloads.detection import PORTS
from harness.workloads.exclusions import LEFT_OUT


def test_everything_left_out_has_a_reason_and_is_told_once() -> None:
    assert set(LEFT_OUT) == {"mysql", "postgres", "consul", "objects"}
    assert set(proof_metrics.LEFT_OUT) == set(PORTS)
    for where, pairs in (*LEFT_OUT.items(), *((kind, each.items()) for kind, each in proof_metrics.LEFT_OUT.items())):
        names = [what for what, _ in pairs]
        assert len(names) == len(set(names)), where
        assert all(what and why for what, why in pairs), where
