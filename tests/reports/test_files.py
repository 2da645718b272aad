"""junit.xml, allure-results and the bundle."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import sample_runs

from harness import reports
from harness.core.errors import HarnessError, ToolFailed
from harness.core.model import STEPS, Verdict
from harness.evidence import support_bundle


def junit(run: Path) -> ET.Element:
    reports.render(run)
    suite = ET.parse(run / "junit.xml").getroot().find("testsuite")  # noqa: S314 # we wrote it ourselves
    assert suite is not None
    return suite


def allure(run: Path) -> dict[str, object]:
    reports.render(run)
    (file,) = (run / "allure-results").glob("*-result.json")
    document: dict[str, object] = json.loads(file.read_text())
    return document


def test_junit_has_one_case_a_finding(tmp_path: Path) -> None:
    suite = junit(sample_runs.failed(tmp_path / "run"))
    assert {each.get("type") for each in suite.iter("failure")} == {"AcknowledgedWriteLost", "RowsMissing"}
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("5", "3", "1")
    assert all(case.get("classname") == "namespace_loss" for case in cases.values())
    failure = cases["data-equal[mysql/mysql-2]"].find("failure")
    assert failure is not None
    assert "core_iam.client" in str(failure.get("message"))
    assert cases["members-healthy[postgres/postgres-2]"].find("error") is not None
    assert cases["ledger-kept[postgres]"].find("failure") is None
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    figures = {"rto_s": "57.1", "rpo_s": "29.4", "rpo_writes": "29", "skew_s": "1.25", "skew_ticks": "25"}
    assert properties == {"verdict": "fail", "run": "run", **figures}


@pytest.mark.parametrize("missing", ["findings.json", "journal.jsonl", "run.json"])
def test_junit_is_never_green_with_evidence_missing(tmp_path: Path, missing: str) -> None:
    run = sample_runs.passed(tmp_path / "run")
    assert junit(run).get("errors") == "0"
    (run / missing).unlink()
    assert junit(run).get("errors") == "1"


def test_allure_has_the_drill_with_its_steps_and_files(tmp_path: Path) -> None:
    drill = allure(sample_runs.passed(tmp_path / "run"))
    steps = {each["name"]: each for each in drill["steps"]}  # type: ignore[attr-defined] # a list, by Allure's format
    assert drill["status"] == "passed"
    assert steps["backup"]["stop"] - steps["backup"]["start"] == 31_000
    checks = {name for name, _ in sample_runs.PASSED}
    assert tuple(name for name in steps if "[" not in name and name not in checks) == STEPS
    assert checks < set(steps)
    attached = {each["name"]: each["source"] for each in drill["attachments"]}  # type: ignore[attr-defined] # as above
    assert set(attached) == {"report.html", "findings.json", "run.json", "journal.jsonl"}
    folder = tmp_path / "run" / "allure-results"
    assert all((folder / source).is_file() for source in attached.values())
    assert "versions.velero=1.16.2" in (folder / "environment.properties").read_text()


def test_allure_has_labels_and_one_history_for_every_seed(tmp_path: Path) -> None:
    sample, other = (sample_runs.recovered(tmp_path / name) for name in ("run", "other"))
    other.facts["seed"] = 8
    sample.finding("data-equal", "pass", "equal")
    drill, again = allure(sample.write()), allure(other.write())
    labels = {(each["name"], each["value"]) for each in drill["labels"]}  # type: ignore[attr-defined] # as above
    assert {("story", "delete-namespace"), ("feature", "dump"), ("tag", "verdict:PASS"), ("tag", "mysql")} <= labels
    seeds = [each for each in drill["parameters"] if each["name"] == "seed"]  # type: ignore[attr-defined] # as above
    assert (seeds[0]["excluded"], drill["historyId"]) == (True, again["historyId"])


@pytest.mark.parametrize(
    ("verdict", "check", "detail", "category"),
    [
        (Verdict.FAIL, "data-equal", "a row gone", "Data loss"),
        (Verdict.FAIL, "ledger-kept", "a write gone", "Data loss"),
        (Verdict.FAIL, "objectives-met", "took too long", "Objective missed"),
        (Verdict.FAIL, "noticed", "nobody did", "Not detected"),
        (Verdict.FAIL, "members-healthy", "no\nFAIL data-equal", "Recovery failed (FAIL)"),
        (Verdict.UNKNOWN, "data-equal", "not read", "Not judged (UNKNOWN)"),
    ],
)
def test_allure_puts_a_bad_drill_under_what_was_bad(
    tmp_path: Path, verdict: Verdict, check: str, detail: str, category: str
) -> None:
    sample = sample_runs.recovered(tmp_path / "run")
    sample.finding("fence-held", "pass", "nothing left it")
    sample.finding(check, verdict.value, detail)
    drill = allure(sample.write())
    message = drill["statusDetails"]["message"]  # type: ignore[index] # an object, by Allure's format
    fitting = (
        each["name"]
        for each in json.loads((tmp_path / "run" / "allure-results" / "categories.json").read_text())
        if drill["status"] in each["matchedStatuses"] and re.fullmatch(each.get("messageRegex", r"[\s\S]*"), message)
    )
    assert next(fitting) == category


def test_allure_calls_unknown_broken_and_the_step_too(tmp_path: Path) -> None:
    drill = allure(sample_runs.broken_off(tmp_path / "run"))
    steps = {each["name"]: each for each in drill["steps"]}  # type: ignore[attr-defined] # as above
    assert (drill["status"], steps["restore"]["status"], steps["backup"]["status"]) == ("broken", "broken", "passed")
    assert steps["restore"]["statusDetails"]["message"] == "timed out"


def test_rendering_again_replaces_and_keeps_the_drills_identity(tmp_path: Path) -> None:
    run = sample_runs.passed(tmp_path / "run")
    assert allure(run)["historyId"] == allure(run)["historyId"]


def test_hostile_names_leave_every_file_well_formed(tmp_path: Path) -> None:
    run = sample_runs.hostile(tmp_path / "run").write()
    suite = junit(run)
    assert suite.get("failures") == "1"
    assert allure(run)["status"] == "failed"
    properties = (run / "allure-results" / "environment.properties").read_text()
    assert all("=" in line for line in properties.splitlines())


def test_the_bundle_keeps_what_there_is_and_no_secret(tmp_path: Path) -> None:
    secret = "s3cretS3cretS3cretS3cret"  # noqa: S105 # made up

    def logs(into: Path) -> None:
        (into / "pod.log").write_text(f"password {secret}\nall is well\n")
        (into / "secret.yaml").write_text(f"data: {base64.b64encode(secret.encode()).decode()}\n")

    def broken(into: Path) -> None:
        (into / "half.log").write_text(f"{secret} and then")
        raise ToolFailed(["kubectl"], 1, f"no {secret}")

    support_bundle.collect(tmp_path / "bundle", {"broken": broken, "cluster": logs}, [secret, ""])
    found = {path.name: path.read_text() for path in (tmp_path / "bundle").rglob("*") if path.is_file()}
    assert found == {
        "pod.log": "password [redacted]\nall is well\n",
        "secret.yaml": "data: [redacted]\n",
        "half.log": "[redacted] and then",
        "not-collected.txt": "ToolFailed: `kubectl` exited with 1: no [redacted]\n",
    }


@pytest.mark.parametrize("name", ["report.html", "junit.xml", "allure-results", "allure-results/categories.json"])
def test_nothing_is_written_or_removed_through_a_link_in_a_hostile_run(tmp_path: Path, name: str) -> None:
    run = sample_runs.passed(tmp_path / "run")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter").write_text("dear")
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).symlink_to(mine if name == "allure-results" else mine / "new")
    with pytest.raises(HarnessError, match=f"{name}: is a link"):
        reports.render(run)
    assert [(path.name, path.read_text()) for path in mine.iterdir()] == [("letter", "dear")]
