"""Metrics for Prometheus, as a file for node_exporter's textfile collector.

A moment that never was is 0, so that an alert on its age fires; a figure that was not measured is left out.
"""

import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client import Metric, write_to_textfile
from prometheus_client.core import GaugeMetricFamily

from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule.attempt_log import NOTHING, History
from harness.campaigns.trend import Series, Trend
from harness.core.errors import HarnessError, Misconfigured
from harness.core.model import Verdict
from harness.evidence.run_directory import began

Labels = Mapping[str, str]
Samples = Iterator[tuple[str, Labels, float]]

HELP: Mapping[str, str] = tomllib.loads(Path(__file__).with_name("metrics.toml").read_text("utf-8"))
"""Every metric, without the prefix `drillproof_`. All are gauges."""


@dataclass(frozen=True)
class Metrics:
    """The newest run of each series, and the attempts of a job if there is one; a registry of prometheus_client."""

    runs: Trend
    job: str = ""
    history: History = NOTHING

    def collect(self) -> Iterable[Metric]:
        metrics: dict[str, Metric] = {}
        labels = {"job_name": self.job} if self.job else {}
        for samples in (_of_job(self.history, self.runs.made, labels) if labels else (), _of_runs(self.runs, labels)):
            for name, about, value in samples:
                full = f"drillproof_{name}"
                metrics.setdefault(name, GaugeMetricFamily(full, HELP[name])).add_sample(full, dict(about), value)
        return metrics.values()


def require_writable(path: Path) -> Path:
    """`path`, if a text file can be written there. Misconfigured if not."""
    if path.suffix != ".prom":
        raise Misconfigured(f"--prometheus {path}: the collector reads only files whose names end in .prom")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        why = "cannot be written" if path.parent.is_dir() else "is no folder"
        raise Misconfigured(f"--prometheus {path}: {path.parent} {why}; create it, or name another")
    return path


def write(path: Path, metrics: Metrics) -> None:
    """Write the file whole or not at all. HarnessError if that fails."""
    try:
        write_to_textfile(str(path), metrics)
    except OSError as error:
        raise HarnessError(f"cannot write {path}: {error.strerror}") from error


def _of_job(history: History, now: datetime, labels: Labels) -> Samples:
    known = history.attempts
    last = attempts.newest_ended(known)
    if last and attempts.ahead(last, now):  # a negative age sets off no alert
        last = None
    passed = attempts.newest_ended(
        each for each in known if each.verdict is Verdict.PASS and not attempts.ahead(each, now)
    )
    yield "job_last_start_timestamp_seconds", labels, _time(attempts.last_began(known, now))
    yield "job_last_end_timestamp_seconds", labels, _time(last.ended if last else None)
    yield "job_last_pass_timestamp_seconds", labels, _time(passed.ended if passed else None)
    if every := attempts.interval(known):
        yield "job_expected_interval_seconds", labels, every.total_seconds()
    yield from _states("job_verdict", labels, last.verdict if last else Verdict.UNKNOWN)
    if last and last.exit_code is not None:
        yield "job_exit_code", labels, last.exit_code
    yield "job_troubles", labels, len(last.troubles) if last else 0
    count = Counter(each.how for each in known)
    yield from (("job_attempts", {**labels, "how": how}, count[how]) for how in attempts.HOW)
    yield "job_attempts_not_believed", labels, len(history.problems)


def _of_runs(runs: Trend, labels: Labels) -> Samples:
    for series in runs.series:
        key = series.key
        about = {"scenario": key.scenario, "strategy": key.strategy, "engine": key.engine}
        of = {name: value for name, value in (("of", key.of), ("lane", key.lane)) if value}
        yield from _of_series(series, {**labels, **about, "stores": " ".join(key.stores), **of})
    yield "runs_not_believed", labels, len(runs.problems)


def _of_series(series: Series, labels: Labels) -> Samples:
    newest = series.newest
    yield from _states("run_verdict", labels, newest.verdict)
    if begun := began(newest.run):
        yield "run_start_timestamp_seconds", labels, _time(begun)
    yield "run_end_timestamp_seconds", labels, _time(newest.ended)
    yield "run_last_pass_timestamp_seconds", labels, _time(series.green.ended if series.green else None)
    for (check, verdict, reason), count in newest.findings.items():
        yield "run_findings", {**labels, "check": check, "verdict": verdict, "reason": reason}, count
    for figure in ("rto", "rpo"):
        if (value := newest.figures.get(f"{figure}_s")) is not None:
            yield f"run_{figure}_seconds", labels, value


def _states(name: str, labels: Labels, verdict: Verdict) -> Samples:
    yield from ((name, {**labels, "verdict": each.value}, float(each is verdict)) for each in Verdict)


def _time(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0
