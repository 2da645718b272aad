"""What it costs to show drills: the report of one run, and the trend of a thousand, in seconds and memory.

    python -m bench.reports [RUN]

RUN is the drill that is copied; without one a drill in memory is made. Each copy is signed as a drill of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from harness.campaigns import trend_page as pages
from harness.campaigns.trend import trend
from harness.core import process
from harness.core.model import Verdict
from harness.evidence.run_directory import read_json
from harness.evidence.signing import attestation, keys
from harness.reports import render
from harness.selftest import good_runs
from harness.selftest.in_memory import MemoryStore, World
from harness.workflows.runner import finish

RUNS = 1000
FEW = 100
STORES = ("mysql", "postgres", "consul")
WITHIN_S = 600.0


def measure(sample: Path | None = None, runs: int = RUNS, few: int = FEW) -> dict[str, float]:
    """`report_s` and `report_cpu_s` of one run; the same and the peak of memory of the trend of many.

    Peaks of many and of few signed runs stand beside each other: memory must not grow with the runs.
    """
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = _sample(folder, sample)
        begun, cpu = time.monotonic(), time.process_time()
        render(run)
        figures["report_s"] = round(time.monotonic() - begun, 2)
        figures["report_cpu_s"] = round(time.process_time() - cpu, 2)
        key = keys.fresh()
        for kind, count, signer in (("signed", runs, key), ("signed", few, key), ("unsigned", few, None)):
            copies = folder / f"{kind}-{count}"
            for number in range(count):
                _copy(run, copies / f"{run.name}-{number}", signer)
            command = [sys.executable, "-m", "bench.reports", "--trend", str(copies), key.public_key.keyid]
            printed = process.run(command, within_s=WITHIN_S).stdout
            seen = re.findall(r"^(\w+) ([\d.]+)$", printed, re.MULTILINE)
            figures |= {f"trend_{count}_{kind}_{what}": float(figure) for what, figure in seen}
            shutil.rmtree(copies)
    return figures


def _sample(folder: Path, sample: Path | None) -> Path:
    if sample is not None:
        return Path(shutil.copytree(sample, folder / sample.name, ignore=shutil.ignore_patterns(attestation.FOLDER)))
    world = World()
    run = good_runs.drill(folder / "rehearsed", world, [MemoryStore(store, world) for store in STORES])
    finish(run)
    return run


def _copy(run: Path, copy: Path, signer: keys.PrivateKey | None) -> None:
    shutil.copytree(run, copy, copy_function=os.link)  # a thousand real runs are some gigabytes
    if signer is not None:
        attestation.sign_evidence(copy, signer)
        judged = read_json(copy / "findings.json")
        figures = {name: judged.get(name) for name in ("rto_s", "rpo_s", "rpo_writes")}
        attestation.sign_verdict(copy, signer, Verdict(judged.get("verdict")), figures)


def _trend(runs: Path, key: str) -> None:
    """Be what is measured."""
    begun = time.monotonic()
    pages.write(trend(runs, [key], scenarios=()), runs / "trend.html")
    print(f"s {time.monotonic() - begun:.1f}\ncpu_s {time.process_time():.1f}")
    # Not getrusage: its maximum is that of the process that started this one, if that was larger.
    (peak_kib,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    print(f"peak_mb {int(peak_kib) / 1024:.0f}")


def main() -> int:
    """Measure, and print the figures."""
    if sys.argv[1:2] == ["--trend"]:
        _trend(Path(sys.argv[2]), sys.argv[3])
        return 0
    for name, figure in measure(Path(sys.argv[1]) if sys.argv[1:] else None).items():
        print(f"{name:30} {figure}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
