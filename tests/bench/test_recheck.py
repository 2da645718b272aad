"""The run that `make bench` has judged again is one that today's checks can judge."""

from __future__ import annotations

from bench import recheck as bench_recheck


def test_a_ledger_of_the_bench_is_judged_whole() -> None:
    assert bench_recheck.measure(12_000)["recheck_s"] > 0
