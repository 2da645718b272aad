"""What RTO and RPO say of a wall clock that jumps in mid-drill, and of a drillproof that stood still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from in_memory import MemoryEngine
from memory import Memory

from harness.core import clock
from harness.core.clock import Clock
from harness.core.model import ToolReport


@pytest.mark.parametrize("method", ["backup", "restore"])
@pytest.mark.parametrize("hours", [-24, 24])
def test_a_wall_clock_that_jumps_changes_no_figure(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, method: str, hours: int
) -> None:
    shift = timedelta(0)
    monkeypatch.setattr(Clock, "label", lambda _: (datetime.now(UTC) + shift).isoformat(timespec="milliseconds"))
    act = getattr(MemoryEngine, method)

    def jumping(self: MemoryEngine, *args: str, **within: float) -> ToolReport:
        nonlocal shift
        shift = timedelta(hours=hours)
        report: ToolReport = act(self, *args, **within)
        return report

    monkeypatch.setattr(MemoryEngine, method, jumping)
    document = memory.drill()
    assert document["verdict"] == "pass", document["findings"]
    assert 0 < float(str(document["rto_s"])) < 60
    assert 0 <= float(str(document["rpo_s"])) < 60


def test_a_minute_that_we_stood_still_during_the_backup_counts_in_the_rpo_and_not_in_the_rto(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The minute lies between the newest write that survived and T2: an RPO without it would look too good."""
    stopped_s = 0.0
    elapsed_s, backup = clock._elapsed_s, MemoryEngine.backup
    monkeypatch.setattr(clock, "_elapsed_s", lambda: elapsed_s() + stopped_s)

    def stopping(self: MemoryEngine, name: str, namespace: str) -> ToolReport:
        nonlocal stopped_s
        stopped_s = 60.0
        return backup(self, name, namespace)

    monkeypatch.setattr(MemoryEngine, "backup", stopping)
    document = memory.drill(objectives={"rto_s": 50, "rpo_s": 120})
    assert document["verdict"] == "pass", document["findings"]
    legs = document["legs"]
    assert isinstance(legs, dict)
    assert float(str(legs["backup_s"])) > 60
    assert float(str(document["rto_s"])) < 50
    assert 60 < float(str(document["rpo_s"])) < 120
