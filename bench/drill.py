"""`make bench`: the seconds of each step of a drill, beside the same steps as a bare script, in one run.

Absolute seconds are this machine's; the ratio is what can be compared. Both load the same known
data by the same code, and both start with all images made.
"""

from __future__ import annotations

import os
import re
import resource
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench import digest
from bench import recheck as ledger
from harness.checks.judge import recheck
from harness.clusters import local
from harness.core import parallel, process, resources
from harness.core.errors import HarnessError, Misconfigured
from harness.core.kubernetes import Kubectl
from harness.evidence.journal import read
from harness.evidence.run_directory import read_json, write_json
from harness.reports import render
from harness.selftest.runner import in_memory_self_test
from harness.workflows.drill import assembly, request
from harness.workflows.drill.drill import Parts
from harness.workflows.progress import Progress
from harness.workloads import custos
from harness.workloads.dataset import dataset
from harness.workloads.deployment import generate

COMPARED = ("up", "deploy", "backup", "break", "restore")
"""Steps that both have. Seeding is the same code in both; writing and reading back only the harness does."""

MOST_STARTS = 20
"""So many times may a default drill start kubectl; everything else asks the API server itself."""

WITHIN_S = 3600.0
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def main() -> int:
    """Run both, print a table, write bench.json; 0 if both ran, the drill passed and kubectl was started rarely."""
    if sys.argv[1:2] == ["seed"]:
        seed(Path(sys.argv[2]), sys.argv[3])
        return 0
    size = sys.argv[1] if len(sys.argv) > 1 else "small"
    progress = Progress(lambda line: print(line, file=sys.stderr))
    begun = time.monotonic()
    supplied = local.prepare("auto", None, progress.say)
    figures: dict[str, float | str | None] = {}

    def tell(found: Mapping[str, float | str | None]) -> None:
        figures.update(found)
        write_json(Path("bench.json"), figures)
        for name, figure in found.items():
            print(f"{name:24} {figure}", flush=True)

    tell({"size": size, "prepare_s": round(time.monotonic() - begun, 1)})
    tell(_drill(supplied, size, progress))
    bare = _bare(supplied, size)
    tell({f"bare_{step}_s": seconds for step, seconds in bare.items()})
    ours = sum(float(figures[f"{step}_s"] or 0) for step in COMPARED)
    tell({"ratio": round(ours / sum(bare[step] for step in COMPARED), 2)})
    tell(ledger.measure())  # makes the ledger of a million lines in here, so last: memory is measured above
    few = int(figures["kubectl_starts"] or 0) <= MOST_STARTS
    return 0 if figures["verdict"] == "pass" and few else 1


def _drill(supplied: local.LocalEnvironment, size: str, progress: Progress) -> dict[str, float | str | None]:
    options = request.options(["namespace_loss"], size=size)[0]
    digests: dict[str, float | str] = {}
    measured_s = 0.0

    def measure(parts: Parts, _run: Path) -> None:
        nonlocal measured_s
        begun = time.monotonic()
        digests.update(digest.measure(parts))
        measured_s = time.monotonic() - begun

    starts, processor_s = process.starts.copy(), _processor_s()
    with _Memory(supplied) as memory:
        begun = time.monotonic()
        with assembly.DrillSession(in_memory_self_test) as site:
            run = site.drill(options, progress, measure)
        findings = read_json(recheck(run))
        render(run)
        wall_s = round(time.monotonic() - begun - measured_s, 1)
        processor_s = _processor_s() - processor_s
        started = process.starts - starts
    start: dict[str, float] = {}
    steps: dict[str, float | str | None] = {}
    for event in read(run / "journal.jsonl"):
        step = str(event.data.get("step"))
        if event.kind == "step" and event.data.get("phase") == "start":
            start[step] = event.at_s
        elif event.kind == "step":
            steps[f"{step}_s"] = round(event.at_s - start[step], 1)
    rto_s = findings["rto_s"]
    return {
        "verdict": str(findings["verdict"]),
        "warm_drill_s": wall_s,
        **steps,
        "rto_s": rto_s if isinstance(rto_s, int | float) else None,
        "kubectl_starts": started["kubectl"],
        "process_starts": started.total(),
        "harness_processor_s": round(processor_s, 1),
        "harness_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "cluster_peak_mb": round(memory.peak / 2**20, 1),
        **digests,
    }


def _processor_s() -> float:
    """Of this process and those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _bare(supplied: local.LocalEnvironment, size: str) -> dict[str, float]:
    stores = {name: custos.DATASTORES[name] for name in custos.DATASTORES}
    lines = [
        f"{name} {key} {value}"
        for name, kind in stores.items()
        for key, value in generate(kind.secret_keys, getattr(kind, "secret_kinds", {})).items()
    ]
    release = supplied.release
    env = {
        **supplied.docker.env,
        "DOCKER": str(supplied.docker.binary),
        "KIND": str(supplied.ready.tools.kind),
        "KUBECTL": str(supplied.ready.tools.kubectl),
        "VELERO": str(release.cli),
        "NODE_IMAGE": supplied.ready.node,
        "MINIO_IMAGE": supplied.ready.minio,
        "VELERO_IMAGE": release.server_image,
        "PLUGIN_IMAGE": release.plugin_image,
        "CLUSTERS": str(resources.clusters()),
        "FIXTURES": str(resources.fixtures()),
        "SECRETS": "\n".join(lines),
        "SEED_COMMAND": f'{sys.executable} -m bench.drill seed "$KUBECONFIG" {size}',
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    script = Path(__file__).parents[1] / "bench" / "bare.sh"
    if not script.exists():
        raise Misconfigured("the bench needs a clone of the project: bench/bare.sh is not part of the package")
    printed = process.run(["bash", script], env=env, within_s=WITHIN_S).stdout
    found = re.findall(r"^(\w+) ([\d.]+)$", printed, re.MULTILINE)
    return {step: round(float(seconds), 1) for step, seconds in found}


@dataclass(frozen=True)
class _Bare:
    """As much of a cluster as seeding needs."""

    kubectl: Kubectl
    name: str = "bare"

    def __getattr__(self, name: str) -> object:
        return getattr(self.kubectl, name)


def seed(kubeconfig: Path, size: str) -> None:
    """Load the known data into a cluster that the bare script made; SECRETS and KUBECTL are in the environment."""
    cluster = _Bare(Kubectl(Path(os.environ["KUBECTL"]), kubeconfig))
    secrets: dict[str, dict[str, str]] = {}
    for line in os.environ["SECRETS"].splitlines():
        store, key, value = line.split(" ")
        secrets.setdefault(store, {})[key] = value
    known = dataset.load(resources.fixtures(), 1, size)
    stores = [kind(cluster, custos.NAMESPACE, secrets[name]) for name, kind in custos.DATASTORES.items()]  # type: ignore[arg-type] # as much of one as seeding needs
    parallel.for_each(stores, lambda store: store.seed(known))


class _Memory:
    """The most memory that all containers of the engine took together, looked at every few seconds."""

    def __init__(self, supplied: local.LocalEnvironment) -> None:
        self.peak = 0.0
        self._supplied = supplied
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(5):
            try:
                lines = self._supplied.docker("stats", "--no-stream", "--format", "{{.MemUsage}}").splitlines()
            except HarnessError:
                continue
            self.peak = max(self.peak, sum(_bytes(line) for line in lines))


def _bytes(usage: str) -> float:
    found = re.match(r"([\d.]+)(\w+)", usage)
    return float(found[1]) * _UNITS.get(found[2], 0) if found else 0.0


if __name__ == "__main__":
    sys.exit(main())
