"""`make bench-prove`: a proof of a large backup beside `restic restore` of the same data, on the same machine."""

from __future__ import annotations

import json
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.backups import repository_check
from harness.backups.velero import VeleroEngine
from harness.backups.velero_install import NAMESPACE
from harness.checks.judge import recheck
from harness.clusters import local
from harness.clusters.kind import KindCluster
from harness.clusters.local import LocalEnvironment
from harness.core import resources
from harness.core.errors import HarnessError, Misconfigured
from harness.core.json import items, text
from harness.core.kubernetes import objects
from harness.core.model import Json
from harness.evidence.journal import read
from harness.evidence.run_directory import read_json
from harness.reports import render
from harness.selftest.runner import in_memory_self_test_of_proofs
from harness.workflows.progress import Progress
from harness.workflows.proof import request
from harness.workflows.proof.assembly import ProofSession, new_cluster

NAME = "bench"
WITHIN_S = 2 * 3600.0

# Rows of 8 kB, a quarter of which can be compressed away; kept as they are, beside their table. They are frozen, and
# all is on the disk: else who reads them first writes hints and WAL, while the volume is copied, and the copy is torn.
FILL = """
BEGIN;
CREATE TABLE rows (at timestamptz NOT NULL DEFAULT now(), line text STORAGE EXTERNAL);
COPY rows (line) FROM PROGRAM 'head -c {bytes} /dev/urandom | base64 -w 8000' WITH (FREEZE);
COMMIT;
CHECKPOINT;
"""


def measure(megabytes: int, progress: Progress) -> dict[str, float | str]:
    """Seconds of each leg of a proof, of restic alone, and the most memory that the harness took.

    Makes a cluster `bench-source`, and another for the proof; both are gone when it returns.
    """
    supplied = local.prepare("auto", None, progress.say)
    source = supplied.cluster("bench-source")
    try:
        source.up()
        bytes_copied = back_up(source, supplied, megabytes, progress)
        source.down(keep_store=True)  # as if it were lost; and the disk is needed
        figures = _prove(source, supplied, progress)
    finally:
        source.down()
    return {"backup_mb": round(bytes_copied / 1e6), **figures}


def back_up(cluster: KindCluster, supplied: LocalEnvironment, megabytes: int, progress: Progress) -> int:
    """Make the database, fill it, back it up; return the bytes of the volume."""
    file = Path(__file__).parents[1] / "bench" / "prove.yaml"
    if not file.exists():
        raise Misconfigured("the bench needs a clone of the project: bench/prove.yaml is not part of the package")
    image = supplied.versions.images["postgres"].ref
    manifests = file.read_text(encoding="utf-8").replace("@IMAGE@", image).replace("@PASSWORD@", secrets.token_hex(12))
    script = (resources.fixtures() / "prove" / "postgres.sh").read_text(encoding="utf-8")
    engine = VeleroEngine(cluster.kubectl, lambda: cluster.store, supplied.release)
    engine.install()
    cluster.kubectl("apply", "-f", "-", stdin=manifests)
    configmap = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "drillproof", "namespace": NAME}}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps({**configmap, "data": {"postgres.sh": script}}))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/db", f"--namespace={NAME}", "--timeout=300s", within_s=310)
    progress.say(f"filling a database with {megabytes} MB")
    psql = ("exec", "--stdin", f"--namespace={NAME}", "db", "--", "psql", "-q", "-U", "postgres")
    fill = FILL.format(bytes=megabytes * 1_000_000 * 3 // 4)
    cluster.kubectl(*psql, "-v", "ON_ERROR_STOP=1", stdin=fill, within_s=WITHIN_S)
    progress.say("backing it up")
    report = engine.backup(NAME, NAME)
    if report.phase != "Completed":
        raise HarnessError(f"the backup to be proved is {report.phase}: {'; '.join(report.messages)}")
    return sum(copy.bytes_total for copy in report.volumes)


def _prove(source: KindCluster, supplied: LocalEnvironment, progress: Progress) -> dict[str, float | str]:
    proving = supplied.cluster("bench-prove")
    with tempfile.TemporaryDirectory(prefix="drillproof-bench-") as folder:
        credentials, store = Path(folder) / "credentials", source.store
        keys = f"aws_access_key_id={store.access_key}\naws_secret_access_key={store.secret_key}\n"
        credentials.write_text(f"[default]\n{keys}", encoding="utf-8")
        options = request.options(
            NAME,
            bucket=store.bucket,
            endpoint=store.outside,
            credentials=credentials,
            runs=Path(folder) / "runs",
            cluster=proving.name,
            keep=True,
        )
        before_mb = _peak_mb()
        begun = time.monotonic()
        try:
            with ProofSession(in_memory_self_test_of_proofs, new_cluster) as site:
                run = site.drill(options, progress)
            findings = read_json(recheck(run))
            for line in _amiss(findings):
                progress.say(line)
            render(run)
            wall_s, peak_mb = time.monotonic() - begun, _peak_mb()
            restic_s = _restic(proving)
        finally:
            proving.down()
        events = tuple(read(run / "journal.jsonl"))
    at = {str(event.data["mark"]): event.at_s for event in events if event.kind == "mark"}
    at |= {f"{event.data['step']} {event.data['phase']}": event.at_s for event in events if event.kind == "step"}
    return {
        "prove_verdict": str(findings["verdict"]),
        "prove_s": round(wall_s, 1),
        "prove_up_s": round(at["up end"] - at["up start"], 1),
        "prove_fetch_s": round(at["fetch end"] - at["fetch start"], 1),
        "prove_restore_s": round(at["T5"] - at["T4"], 1),
        "prove_readback_s": round(at["readback end"] - at["readback start"], 1),
        "restic_restore_s": round(restic_s, 1),
        "prove_restic_ratio": round((at["T5"] - at["T4"]) / restic_s, 2),
        "prove_memory_before_mb": before_mb,
        "prove_memory_peak_mb": peak_mb,
    }


def _amiss(findings: Mapping[str, Json]) -> Iterator[str]:
    """Why it did not pass, since its run directory is not kept."""
    for each in items(findings, "findings"):
        if text(each, "verdict") != "pass":
            yield " ".join(text(each, name) for name in ("check", "verdict", "detail"))


def _restic(cluster: KindCluster) -> float:
    """Seconds that restic alone takes, with the program, the repository and the disk of the proof."""
    (copy,) = objects(cluster.kubectl, "podvolumerestores.velero.io", f"--namespace={NAMESPACE}")
    wanted = ("restore", text(copy, "spec", "snapshotID"), "--target=/scratch/bench", "--no-lock")
    begun = time.monotonic()
    repository_check.restic(cluster.kubectl, text(copy, "spec", "repoIdentifier"), *wanted, of="daemonset/node-agent")
    return time.monotonic() - begun


def _peak_mb() -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) / 1024, 1)


def main() -> int:
    """Measure, and print; the exit code is 0 if the backup was proved."""
    progress = Progress(lambda line: print(line, file=sys.stderr))
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, progress)
    for name, figure in figures.items():
        print(f"{name:24} {figure}", flush=True)
    return 0 if figures["prove_verdict"] == "pass" else 1


if __name__ == "__main__":
    sys.exit(main())
