"""What is not compared is told whole, and each with a reason."""

from __future__ import annotations

from harness.checks import proof_metrics
from harness.workloads.detection import PORTS
from harness.workloads.exclusions import EXCLUSIONS


def test_everything_left_out_has_a_reason_and_is_told_once() -> None:
    assert set(EXCLUSIONS) == {"mysql", "postgres", "consul", "objects"}
    assert set(proof_metrics.EXCLUSIONS) == set(PORTS)
    for where, pairs in (
        *EXCLUSIONS.items(),
        *((kind, each.items()) for kind, each in proof_metrics.EXCLUSIONS.items()),
    ):
        names = [what for what, _ in pairs]
        assert len(names) == len(set(names)), where
        assert all(what and why for what, why in pairs), where
