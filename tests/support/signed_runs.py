"""A folder of signed runs: copies of a good one, of other days and with other figures."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from memory import Memory

from harness.core.json import items
from harness.core.model import Json, Verdict
from harness.evidence.run_directory import read_json
from harness.evidence.signing import attestation, keys
from harness.workflows.runner import finish

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


class SignedRuns:
    """Makes them."""

    def __init__(self, good: Path, runs: Path, key: keys.PrivateKey, monkeypatch: pytest.MonkeyPatch) -> None:
        self.good = good
        self.runs = runs
        self.key = key
        self._monkeypatch = monkeypatch

    def add(
        self,
        days_ago: float,
        *,
        verdict: str = "pass",
        rto_s: float = 10,
        key: keys.PrivateKey | None = None,
        **facts: Json,
    ) -> Path:
        """A run that was signed so many days before `NOW`."""
        ended = NOW - timedelta(days=days_ago)
        run = self.runs / f"{ended:%Y%m%dT%H%M%SZ}-memory_loss"
        shutil.copytree(self.good, run)
        judged = read_json(run / "findings.json")
        bad = [] if verdict == "pass" else [{"check": "data", "verdict": verdict, "detail": "is not what it was"}]
        findings: Json = [*items(judged.get("findings")), *bad]
        judged = {**judged, "verdict": verdict, "rto_s": rto_s, "findings": findings}
        for name, said in (("run.json", {**read_json(run / "run.json"), **facts}), ("findings.json", judged)):
            (run / name).write_text(json.dumps(said))
        self._monkeypatch.setattr("harness.evidence.signing.attestation.now", ended.isoformat)
        attestation.sign_evidence(run, key or self.key)
        attestation.sign_verdict(run, key or self.key, Verdict(verdict), {"rto_s": rto_s, "rpo_s": 1})
        return run


def good(runs: Path) -> Path:
    """A run that passed, judged and not signed."""
    memory = Memory(runs)
    memory.drill(stores=("consul",))
    assert finish(memory.path).verdict is Verdict.PASS
    return memory.path
