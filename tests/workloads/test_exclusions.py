"""What is not compared is told whole, and each with a reason."""

from __future__ import annotations

from harness.reports.texts import NOT_IN_FINGERPRINT
from harness.workloads.detection import PORTS
from harness.workloads.exclusions import EXCLUSIONS


def test_everything_left_out_has_a_reason_and_is_told_once() -> None:
    assert set(EXCLUSIONS) == {"mysql", "mariadb", "postgres", "consul", "objects"}
    assert set(NOT_IN_FINGERPRINT) == set(PORTS)
    for where, pairs in (
        *EXCLUSIONS.items(),
        *((kind, each.items()) for kind, each in NOT_IN_FINGERPRINT.items()),
    ):
        names = [what for what, _ in pairs]
        assert len(names) == len(set(names)), where
        assert all(what and why for what, why in pairs), where
