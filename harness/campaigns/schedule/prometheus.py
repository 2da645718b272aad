"""A text file for Prometheus, as node_exporter's textfile collector reads it: written whole, or not at all.

A moment that never was is 0, so that an alert on its age fires; a figure that was not measured is left out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule.attempt_log import NOTHING, History
from harness.campaigns.trend import Line, Trend
from harness.core.errors import HarnessError, Misconfigured
from harness.core.model import Verdict
from harness.evidence.run_directory import began

Labels = Mapping[str, str]

HELP = {
    "job_last_start_timestamp_seconds": "When the newest attempt of the job began; one that was skipped is none.",
    "job_last_end_timestamp_seconds": "When an attempt of the job last ended, however it ended; 0 for never.",
    "job_last_pass_timestamp_seconds": "When an attempt of the job last ended with PASS; 0 for never.",
    "job_expected_interval_seconds": "How often the job is to run.",
    "job_verdict": "1 for the verdict of the attempt that ended last; UNKNOWN if there is none.",
    "job_exit_code": "The exit code of the attempt that ended last.",
    "job_troubles": "What went wrong with keeping and telling the attempt that ended last.",
    "job_attempts": "The attempts that are known, by how they went.",
    "job_attempts_not_believed": "Records of attempts that are missing, edited, or not signed by a known key.",
    "run_verdict": "1 for the verdict of the newest run of its make, believed only if signed or judged anew.",
    "run_start_timestamp_seconds": "When the newest run of its make began.",
    "run_end_timestamp_seconds": "When the newest run of its make ended.",
    "run_last_pass_timestamp_seconds": "When a run of this make last passed; 0 for never.",
    "run_rto_seconds": "The newest run's RTO, if it was measured.",
    "run_rpo_seconds": "The newest run's RPO, if it was measured.",
    "run_findings": "The newest run's findings that are no PASS, by check, verdict and reason.",
    "runs_not_believed": "Runs of which nothing is told, since nothing of them is believed.",
}
"""Every metric, without the `drillproof_` that it begins with. All are gauges."""


def render(runs: Trend, job: str = "", known: History = NOTHING) -> str:
    """The whole file: the newest run of each make, and the job's attempts if there is a job."""
    samples: dict[str, list[str]] = {}
    both = (*(_of_job(job, known, runs.made) if job else ()), *_of_runs(runs, {"job_name": job} if job else {}))
    for name, labels, value in both:
        told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        samples.setdefault(name, []).append(f"drillproof_{name}{f'{{{told}}}' if told else ''} {_number(value)}")
    lines = [
        line
        for name, values in samples.items()
        for line in (f"# HELP drillproof_{name} {HELP[name]}", f"# TYPE drillproof_{name} gauge", *values)
    ]
    return "\n".join(lines) + "\n"


def require_writable(path: Path) -> Path:
    """`path`, if a text file can be written there. Misconfigured if not."""
    if path.suffix != ".prom":
        raise Misconfigured(f"--prometheus {path}: the collector reads only files whose names end in .prom")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        why = "cannot be written" if path.parent.is_dir() else "is no folder"
        raise Misconfigured(f"--prometheus {path}: {path.parent} {why}; make it, or name another")
    return path


def write(path: Path, text: str) -> None:
    """Write the file whole or not at all. HarnessError if it cannot be."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")  # the collector passes over what does not end in .prom
    try:
        beside.unlink(missing_ok=True)
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except OSError as error:
        raise HarnessError(f"cannot write {path}: {error.strerror}") from error


def _of_job(job: str, found: History, now: datetime) -> Iterator[tuple[str, Labels, float]]:
    labels, known = {"job_name": job}, found.attempts
    last = attempts.newest_ended(known)
    if last and attempts.ahead(last, now):  # an age that is less than nothing sets off no alert
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
    yield "job_attempts_not_believed", labels, len(found.problems)


def _of_runs(runs: Trend, labels: Labels) -> Iterator[tuple[str, Labels, float]]:
    for line in runs.lines:
        yield from _of_make(line, {**labels, **_make(line)})
    yield "runs_not_believed", labels, len(runs.problems)


def _of_make(line: Line, labels: Labels) -> Iterator[tuple[str, Labels, float]]:
    newest = line.newest
    yield from _states("run_verdict", labels, newest.verdict)
    if begun := began(newest.run):
        yield "run_start_timestamp_seconds", labels, _time(begun)
    yield "run_end_timestamp_seconds", labels, _time(newest.ended)
    yield "run_last_pass_timestamp_seconds", labels, _time(line.green.ended if line.green else None)
    for (check, verdict, reason), count in newest.findings.items():
        yield "run_findings", {**labels, "check": check, "verdict": verdict, "reason": reason}, count
    for figure in ("rto", "rpo"):
        if (value := newest.figures.get(f"{figure}_s")) is not None:
            yield f"run_{figure}_seconds", labels, value


def _make(line: Line) -> Labels:
    make = line.make
    return {
        "scenario": make.scenario,
        "strategy": make.strategy,
        "engine": make.engine,
        "stores": " ".join(make.stores),
        **({"of": make.of} if make.of else {}),
    }


def _states(name: str, labels: Labels, verdict: Verdict) -> Iterable[tuple[str, Labels, float]]:
    return ((name, {**labels, "verdict": each.value}, float(each is verdict)) for each in Verdict)


def _time(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
