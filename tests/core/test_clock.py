"""The drill's clock."""

from __future__ import annotations

import time

import pytest

from harness.core.clock import Clock


def test_sleep_of_the_machine_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {time.CLOCK_BOOTTIME: 100.0, time.CLOCK_MONOTONIC: 100.0}
    monkeypatch.setattr(time, "clock_gettime", now.__getitem__)
    monkeypatch.setattr(time, "monotonic", lambda: now[time.CLOCK_MONOTONIC])
    clock = Clock()
    now[time.CLOCK_BOOTTIME] += 3 * 3600  # CLOCK_MONOTONIC stands still meanwhile
    assert clock.now_s() == 3 * 3600


def test_a_clock_goes_on_from_where_an_earlier_one_was() -> None:
    assert 7 <= Clock(since_s=7).now_s() < 8
