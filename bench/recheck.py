"""What it costs to judge a long drill again: a ledger of a million lines, nine members that kept nearly all of it."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from itertools import chain
from pathlib import Path

from harness.checks.judge import recheck
from harness.core import process
from harness.core.bank_workload import balances_after, opening_balances
from harness.core.clock import Clock
from harness.core.errors import HarnessError
from harness.core.model import Row
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import ACKNOWLEDGED, Workload, fingerprint, write_rows
from harness.faults.namespace import DeleteNamespace
from harness.workflows.drill import scenario
from harness.workflows.drill.scenario import Scenario

LINES = 1_000_000
STORES = ("mysql", "postgres", "consul")
PER_S = 20.0
LOST = 1000
"""Writes of each store after the recovery point."""


def measure(lines: int = LINES) -> dict[str, float]:
    """`recheck_s`, `recheck_cpu_s` and `recheck_peak_mb`, of a process of its own.

    HarnessError if the ledger was not judged whole.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = _run(Path(folder), lines // 2 // len(STORES))
        printed = process.run([sys.executable, "-m", "bench.recheck", str(run)], within_s=600).stdout
        findings = run_directory.read_json(run / "findings.json")["findings"]
    asked = ("ledger-kept", "transfers-whole")
    judged = [f["verdict"] for f in findings if f["check"] in asked] if isinstance(findings, list) else []
    if judged != ["pass"] * 3 * len(STORES) * len(asked):
        raise HarnessError(f"the ledger of the bench was not judged whole: {judged}")
    return {name: float(figure) for name, figure in re.findall(r"^(\w+) ([\d.]+)$", printed, re.MULTILINE)}


def _run(runs: Path, writes: int) -> Path:
    members = {store: [f"{store}-{number}" for number in range(3)] for store in STORES}
    drilled = scenario.facts(Scenario(DeleteNamespace()))
    run = run_directory.create(runs, "bench", {"stores": members, "objectives": {}, **drilled})
    journal = Journal(run / "journal.jsonl", Clock())
    journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
    journal.append("mark", mark="T0", at_s=(writes - LOST) / PER_S)
    journal.append("mark", mark="T4", at_s=(writes + 1) / PER_S)
    for store in STORES:
        rows = _ledger(run / "ledger" / f"{store}.jsonl", store, writes)
        journal.append("file", name=f"{store}.jsonl", sha256=fingerprint(run / "ledger" / f"{store}.jsonl"))
        accounts = balances_after(opening_balances(), chain(range(1, writes - LOST + 1), (writes + 1,)))
        for member in members[store]:
            shown = run / "ledger" / f"{store}@{member}.jsonl"
            write_rows(shown, iter(rows))
            journal.append("file", name=shown.name, sha256=fingerprint(shown))
            journal.append("balances", store=store, member=member, accounts=accounts)
    journal.close()
    return run


def _ledger(path: Path, store: str, writes: int) -> list[Row]:
    """Write a store's attempts, one of them after the restore; return what is left but for the writes lost."""
    workload = Workload(1, store)
    rows: dict[str, Row] = {}
    with path.open("x", encoding="utf-8") as file:
        for n in range(1, writes + 2):
            operation = workload.put() if n > writes else workload.next()
            workload.answered(operation, ACKNOWLEDGED)
            asked = {"n": n, "verb": operation.verb, "key": operation.key, "value": operation.value, "tick": n}
            for line in ({**asked, "at_s": n / PER_S}, {"n": n, "answer": ACKNOWLEDGED, "at_s": n / PER_S + 0.01}):
                file.write(json.dumps(line, separators=(",", ":")) + "\n")
            if writes - LOST < n <= writes:
                continue
            rows.pop(operation.key, None)
            if operation.verb != "delete":
                rows[operation.key] = Row(n, operation.key, operation.value)
    return list(rows.values())


def main() -> int:
    """Measure; or, with the name of a run directory, be what is measured."""
    if len(sys.argv) > 1:
        begun = time.monotonic()
        recheck(Path(sys.argv[1]))
        print(f"recheck_s {time.monotonic() - begun:.1f}\nrecheck_cpu_s {time.process_time():.1f}")
        # Not getrusage: its maximum is that of the process that started this one, if that was larger.
        (peak_kib,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
        print(f"recheck_peak_mb {int(peak_kib) / 1024:.0f}")
        return 0
    for name, figure in measure().items():
        print(f"{name:24} {figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
