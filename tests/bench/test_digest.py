"""What the seconds of a store's tables come to."""

from __future__ import annotations

from bench.digest import figures
from bench.timing import Seconds, compared


def test_the_sum_is_told_and_the_worst_table_by_its_name() -> None:
    tables = {"tiny": Seconds(0.0001, 1.0), "some": Seconds(0.002, 0.005), "large": Seconds(0.1, 0.12)}
    assert dict(figures(tables)) == {
        "scan_s": 0.102,
        "digest_s": 1.125,
        "digest_ratio": 11.02,
        "digest_worst_ratio": 2.5,
        "digest_worst": "some",
        "digest_worst_from_5_ms_ratio": 1.2,
        "digest_worst_from_5_ms": "large",
    }


def test_only_tiny_tables_have_no_worst_one() -> None:
    assert set(dict(figures({"tiny": Seconds(0.0001, 0.0002)}))) == {"scan_s", "digest_s", "digest_ratio"}


def test_scan_and_digest_take_turns_and_the_best_counts() -> None:
    done: list[str] = []
    taken = compared(lambda: done.append("scan"), lambda: done.append("digest"), rounds=3)
    assert done == ["scan", "digest"] * 3
    assert min(taken.scan_s, taken.digest_s) >= 0
