"""Runs and bundles of the release before reason codes and the new layout: still verified, judged and rendered alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import app as cli
from harness.evidence.signing.files import Bundle

OLD = Path(__file__).parent / "old_runs"
KEY = "3cccbfb38c6fc56601d123a7acd1b705ff3ffffa822afdcbf999dad516a6bcb4"
RUNS = {  # by kind, the exit code of its verdict
    "drill": 0,  # a real drill of all three stores
    "expected_failure": 0,  # a real drill whose repository was damaged: passed, since that was found
    "broken_off": 2,  # a real drill that found its cluster in use
    "proof": 0,  # in memory
    "migration": 0,  # in memory
}


@pytest.fixture(params=RUNS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(kind: str, tmp_path: Path) -> Path:
    Bundle(OLD / f"{kind}.zip").unpack(tmp_path / kind)
    return tmp_path / kind


def outline(run: Path) -> object:
    document = json.loads((run / "findings.json").read_text())
    findings = sorted(
        [finding[key] for key in ("check", "store", "member", "verdict")]
        for finding in document["findings"]
        if finding["check"] != "events-in-order"  # a check that the release of these runs lacked
    )
    return findings, {key: document[key] for key in ("verdict", "rto_s", "rpo_s", "marks", "objectives")}


def test_a_bundle_is_verified_by_the_key_that_signed_it(kind: str) -> None:
    assert cli.main(["verify", str(OLD / f"{kind}.zip"), "--key", KEY]) == 0


def test_a_run_is_judged_as_it_was(kind: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = outline(run)
    assert cli.main(["recheck", str(run)]) == RUNS[kind], capsys.readouterr()
    assert outline(run) == before


def test_a_run_is_rendered(kind: str, run: Path) -> None:
    assert cli.main(["report", str(run)]) == RUNS[kind]


def test_a_changed_verdict_of_an_old_run_is_refused(kind: str, run: Path) -> None:
    file = run / "findings.json"
    document = json.loads(file.read_text())
    other = "fail" if document["verdict"] == "pass" else "pass"
    for each in (document, *document["findings"]):
        each["verdict"] = other
    file.write_text(json.dumps(document))
    assert cli.main(["report", str(run)]) == 2
