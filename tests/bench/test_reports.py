"""The runs that `make bench-reports` shows are ones that can be shown, and believed where they are signed."""

from __future__ import annotations

from bench import reports as bench_reports


def test_runs_of_the_bench_are_shown() -> None:
    figures = bench_reports.measure(runs=3, few=2)
    assert set(figures) == {
        "report_s",
        "report_cpu_s",
        *(
            f"trend_{runs}_{what}"
            for runs in ("3_signed", "2_signed", "2_unsigned")
            for what in ("s", "cpu_s", "peak_mb")
        ),
    }
