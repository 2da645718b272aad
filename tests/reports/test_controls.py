"""Which control a run supports: only what was proved counts, and whatever was not, says so, in OSCAL as well."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import oscal_schema as by_schema
import pytest
import sample_runs
from markdown_it import MarkdownIt
from memory import Memory

from harness import checks
from harness.checks.check import Check
from harness.cli import app as cli
from harness.core.errors import Unreadable
from harness.core.model import Event, Json, Verdict
from harness.evidence import run_view
from harness.evidence.run_directory import Run
from harness.evidence.signing import keys
from harness.reports import controls, oscal
from harness.reports.controls import CHECKS, CONTROLS
from harness.workflows import runner

SCHEMA = Path(__file__).with_name("oscal_assessment-results_1.2.3.schema.json")
"""NIST's own, as published with OSCAL 1.2.3."""

SHA256 = "37f41f6813c78e6d2c272b27030e17e93d7f92fee519c72e7531574fa0ecbb05"

Document = dict[str, Any]
"""JSON that is edited at any depth."""


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that passed, and was signed at its end."""
    memory = Memory(tmp_path_factory.mktemp("runs"))
    memory.drill()
    (memory.path / "findings.json").unlink()
    assert runner.conclude(memory.path, keys.fresh()).verdict is Verdict.PASS
    return memory.path


@pytest.fixture
def run(drilled: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(drilled, tmp_path / drilled.name))


def came_to(run: Path) -> dict[str, Verdict]:
    return {each.control.name: each.verdict for each in controls.support(run_view.read(run))}


def spoil(run: Path, check: str, verdict: str | None) -> None:
    """Give all findings of a check another verdict, or take them out."""
    judged = json.loads((run / "findings.json").read_text())
    findings = [each for each in judged["findings"] if verdict or each["check"] != check]
    for each in findings:
        if each["check"] == check:
            each["verdict"] = verdict
    judged |= {"findings": findings, "verdict": verdict or judged["verdict"]}
    (run / "findings.json").write_text(json.dumps(judged))


MAY_BE_MISSING = {"taken-over", "noticed"}  # from a recovery on a cluster of its own


# ---------------------------------------------------------------- the map


def test_every_check_is_in_the_map_and_every_control_is_spoken_of() -> None:
    assert set(CHECKS) == {check.name for check in checks.ALL} | {"noticed"}
    names = [control.name for control in CONTROLS]
    assert len(set(names)) == len({control.statement for control in CONTROLS}) == len(names)
    assert {name for shows in CHECKS.values() for name in shows.controls} == set(names)
    assert all(shows.lacks.endswith(".") for shows in CHECKS.values())
    assert all(control.lacks.endswith(".") for control in CONTROLS)


class Watched(Run):
    """A run that notes which kinds of events it is asked for."""

    asked: set[str]

    def of(self, kind: str, **data: Json) -> tuple[Event, ...]:
        self.asked.add(kind)
        return super().of(kind, **data)


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.name)
def test_the_map_says_where_a_check_reads(drilled: Path, check: Check) -> None:
    watched = Watched(drilled)
    object.__setattr__(watched, "asked", set())
    check(watched)
    assert watched.asked - {"file"} <= set(CHECKS[check.name].kinds)


# ---------------------------------------------------------------- what a run supports


def test_a_drill_that_proved_all_supports_all(drilled: Path) -> None:
    assert set(came_to(drilled).values()) == {Verdict.PASS}


@pytest.mark.parametrize("verdict", ["fail", "unknown", None])
@pytest.mark.parametrize("check", [name for name, shows in CHECKS.items() if name not in MAY_BE_MISSING])
def test_one_bad_answer_takes_from_its_controls_and_from_no_other(run: Path, check: str, verdict: str | None) -> None:
    spoil(run, check, verdict)
    hit = CHECKS[check].controls or [control.name for control in CONTROLS]
    bad = Verdict(verdict or "unknown")
    assert came_to(run) == {each.name: bad if each.name in hit else Verdict.PASS for each in CONTROLS}
    told = next(each for each in controls.support(run_view.read(run)) if each.verdict is bad)
    assert any(check in reason for reason in told.reasons)


@pytest.mark.parametrize(("check", "fact"), [("login", "services"), ("indexes-hold", "indexed")])
def test_a_check_that_cannot_apply_takes_nothing_away_and_is_named(run: Path, check: str, fact: str) -> None:
    spoil(run, check, None)
    assert Verdict.UNKNOWN in came_to(run).values()  # it applies, and has no finding
    facts = json.loads((run / "run.json").read_text())
    facts[fact] = type(facts[fact])()
    (run / "run.json").write_text(json.dumps(facts))
    view = run_view.read(run)
    assert set(came_to(run).values()) == {Verdict.PASS}
    (why,) = {line for each in controls.support(view) for line in each.not_applicable if line.startswith(check)}
    assert f"- Not applicable: {why}" in shown(controls.render(view)).replace("Not applicable", "- Not applicable")
    told = controls.document(view)["controls"]
    assert any(why in each["not_applicable"] for each in told)  # type: ignore[index,union-attr,call-overload,operator] # of JSON
    document = results(run)
    assert wrong(document) == []
    remarks = [each["remarks"] for each in document["assessment-results"]["results"][0]["findings"]]
    assert any(f"Not applicable: {why}" in each for each in remarks)


@pytest.mark.parametrize("whose", ["application", "scenario", None])
def test_objectives_are_named_as_whose_they_are(run: Path, whose: str | None) -> None:
    facts = json.loads((run / "run.json").read_text())
    facts.pop("objectives_of", None)
    if whose:
        facts["objectives_of"] = {"rto_s": whose, "rpo_s": "scenario"}
    (run / "run.json").write_text(json.dumps(facts))
    view = run_view.read(run)
    named = {
        "application": "yours, by the application file",
        "scenario": "the scenario's, not yours",
        None: "set by the run",
    }
    rto, rpo = controls.objectives(view)
    assert rto.startswith("RTO at most")
    assert rto.endswith(f" s: {named[whose]}")
    assert rpo.endswith(named["scenario" if whose else None])
    assert rto in shown(controls.render(view))
    document = results(run)
    assert wrong(document) == []
    assert {"name": "objective", "ns": oscal.NAMESPACE, "value": rto} in document["assessment-results"]["results"][0][
        "props"
    ]


def test_what_is_known_to_no_one_counts_for_everything(run: Path) -> None:
    spoil(run, "new-write", "unknown")
    text = (run / "findings.json").read_text().replace('"new-write"', '"from-a-plug-in"')
    (run / "findings.json").write_text(text)
    assert set(came_to(run).values()) == {Verdict.UNKNOWN}


@pytest.mark.parametrize("name", ["rto_s", "rpo_s"])
def test_without_an_objective_nothing_is_in_time(run: Path, name: str) -> None:
    judged = json.loads((run / "findings.json").read_text())
    judged["objectives"][name] = None
    (run / "findings.json").write_text(json.dumps(judged))
    timed = {control.name for control in CONTROLS if control.timed}
    assert {name for name, verdict in came_to(run).items() if verdict is Verdict.UNKNOWN} == timed
    assert f"no objective for the {name[:3].upper()}" in controls.render(run_view.read(run))


def test_a_drill_that_is_bad_on_purpose_supports_nothing(tmp_path: Path) -> None:
    sample = sample_runs.story(tmp_path / "run")
    sample.facts["expected_findings"] = [{"check": "backup-complete", "reason": ["RepositoryDamaged"]}]
    sample.finding("damage-seen", "pass", "pack 4f has another byte")
    sample.finding("noticed", "pass", "backup-complete: the repository is damaged")
    run = sample.write()
    assert set(came_to(run).values()) == {Verdict.UNKNOWN}


def test_evidence_that_is_not_whole_supports_nothing(run: Path) -> None:
    (run / "journal.jsonl").write_text((run / "journal.jsonl").read_text()[:-400])
    assert set(came_to(run).values()) == {Verdict.UNKNOWN}


# ---------------------------------------------------------------- how it is told


def shown(text: str) -> str:
    tokens = MarkdownIt("commonmark").enable(["table"]).parse(text)
    return "\n".join("".join(child.content for child in token.children or ()) for token in tokens)


def test_the_page_says_of_each_control_what_it_comes_to(run: Path) -> None:
    text = controls.render(run_view.read(run))
    assert text.count("✅ supported") == 2 * len(CONTROLS)
    assert f"{len(CONTROLS)} of {len(CONTROLS)} controls are supported" in text
    spoil(run, "data-equal", "unknown")
    text = shown(controls.render(run_view.read(run)))
    assert "4 of 12 controls are supported" in text
    assert "CP-9(1) (NIST SP 800-53 Rev. 5): ❓ not satisfied: not shown" in text
    assert "UNKNOWN data-equal[mysql/" in text
    assert f"Not shown: {CHECKS['data-equal'].shows}" in text
    assert controls.LIMITS in text
    assert "Art. 12(3)" in text


def test_the_page_stays_small_and_hostile_names_are_but_text(tmp_path: Path) -> None:
    sample = sample_runs.hostile(tmp_path / "run")
    for number in range(3000):
        sample.finding("data-equal", "fail", f"{number} {sample_runs.HOSTILE}" * 50, "", "s|t", "m|n")
    text = controls.render(run_view.read(sample.write()))
    assert len(text) < 250_000
    kinds = {token.type for token in MarkdownIt("commonmark").enable(["table"]).parse(text)}
    assert not kinds & {"html_block", "fence", "code_block"}
    assert "<script" not in text
    assert not {"\x1b", "\u202e", "\x00"} & set(text)


def test_evidence_is_named_by_file_line_and_hash(drilled: Path) -> None:
    told = json.loads(json.dumps(controls.document(run_view.read(drilled))))
    (integrity,) = (each for each in told["controls"] if each["control"] == "CP-9(1)")
    of_one = [each for each in integrity["findings"] if each["member"].startswith("consul-1")]
    (equal,) = (each for each in of_one if each["check"] == "data-equal")
    (where,) = equal["evidence"]
    assert where["sha256"] == hashlib.sha256((drilled / "journal.jsonl").read_bytes()).hexdigest()
    journal = [json.loads(line) for line in (drilled / "journal.jsonl").read_text().splitlines()]
    seen = [journal[number - 1] for number in where["lines"]]
    assert {(each["kind"], each["data"]["member"]) for each in seen} == {("digest", equal["member"])}
    (kept,) = (each for each in of_one if each["check"] == "ledger-kept")
    files = {each["file"] for each in kept["evidence"]}
    assert files == {"journal.jsonl", "ledger/consul.jsonl", f"ledger/consul@{equal['member']}.jsonl"}
    assert all(each["sha256"] == told["files"][each["file"]] for each in kept["evidence"])


def test_lines_are_told_in_few_words() -> None:
    assert controls.ranges([9, 3, 8, 7]) == "3, 7-9"
    assert controls.ranges([]) == ""


# ---------------------------------------------------------------- OSCAL


def wrong(document: Document) -> list[str]:
    return by_schema.wrong(document, SCHEMA)


def results(run: Path) -> Document:
    return cast("Document", json.loads(oscal.render(run_view.read(run))))


def test_the_schema_is_the_one_that_nist_published() -> None:
    assert hashlib.sha256(SCHEMA.read_bytes()).hexdigest() == SHA256
    assert f"oscal/{oscal.VERSION}/" in json.loads(SCHEMA.read_text())["$id"]


def test_a_run_is_oscal_by_its_schema(drilled: Path) -> None:
    document = results(drilled)
    assert wrong(document) == []
    (result,) = document["assessment-results"]["results"]
    assert {each["target"]["status"]["state"] for each in result["findings"]} == {"satisfied"}
    assert [each["target"]["target-id"] for each in result["findings"]] == [each.statement for each in CONTROLS]
    assert len(result["observations"]) == len(run_view.read(drilled).findings)


@pytest.mark.parametrize("sample", ["passed", "failed", "hostile"])
def test_any_run_is_oscal_by_its_schema(tmp_path: Path, sample: str) -> None:
    made = getattr(sample_runs, sample)(tmp_path / "run")
    assert wrong(results(made if isinstance(made, Path) else made.write())) == []


def test_where_nothing_was_judged_nothing_is_satisfied(tmp_path: Path) -> None:
    sample = sample_runs.story(tmp_path / "run")
    document = results(sample.write())
    assert wrong(document) == []
    states = {each["target"]["status"]["state"] for each in document["assessment-results"]["results"][0]["findings"]}
    assert states == {"not-satisfied"}


@pytest.mark.parametrize(("verdict", "reason"), [("fail", "fail"), ("unknown", "other")])
def test_what_is_not_a_pass_is_not_satisfied_and_says_why(run: Path, verdict: str, reason: str) -> None:
    spoil(run, "data-equal", verdict)
    document = results(run)
    assert wrong(document) == []
    by_id = {each["target"]["target-id"]: each for each in document["assessment-results"]["results"][0]["findings"]}
    status = by_id["cp-9.1_smt"]["target"]["status"]
    assert (status["state"], status["reason"]) == ("not-satisfied", reason)
    assert "data-equal[" in status["remarks"]
    assert by_id["cp-9_smt.a"]["target"]["status"] == {"state": "satisfied", "reason": "pass"}


def every(node: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to each plain value in a document."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from every(value, (*path, key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from every(value, (*path, number))
    else:
        yield path


def test_one_spoilt_field_is_found_by_the_schema(drilled: Path) -> None:
    document = results(drilled)
    (result,) = document["assessment-results"]["results"]
    result["observations"], result["findings"] = result["observations"][:2], result["findings"][:2]
    strict = {
        "uuid",
        "last-modified",
        "oscal-version",
        "start",
        "end",
        "state",
        "target-id",
        "type",
        "observation-uuid",
    }
    strict |= {"control-id", "collected", "href", "ns", "name"}
    seen: set[str] = set()
    for path in every(document):
        if (field := str(path[-1])) in strict - seen:
            seen.add(field)
            spoilt = copy.deepcopy(document)
            node: Any = spoilt
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = 7 if field == "href" else " ?"
            assert wrong(spoilt), path
    assert seen == strict
    extra = copy.deepcopy(document)
    extra["assessment-results"]["verdict"] = "pass"
    assert wrong(extra)


def test_it_points_to_its_evidence_by_hash(drilled: Path) -> None:
    document = results(drilled)["assessment-results"]
    files = {each["uuid"]: each for each in document["back-matter"]["resources"]}
    (result,) = document["results"]
    for observation in result["observations"]:
        for evidence in observation["relevant-evidence"]:
            file = files[evidence["href"].removeprefix("#")]
            (link,) = file["rlinks"]
            assert link["hashes"][0]["value"] == hashlib.sha256((drilled / file["title"]).read_bytes()).hexdigest()
            assert evidence["description"].startswith(file["title"])
    known = {each["uuid"] for each in result["observations"]}
    assert {each["observation-uuid"] for one in result["findings"] for each in one["related-observations"]} == known
    assert files[document["import-ap"]["href"].removeprefix("#")]["title"] == "run.json"


def test_the_same_run_is_the_same_document_and_another_judgement_another(run: Path) -> None:
    first = oscal.render(run_view.read(run))
    assert oscal.render(run_view.read(run)) == first
    spoil(run, "new-write", "unknown")
    second = results(run)["assessment-results"]
    assert second["uuid"] != json.loads(first)["assessment-results"]["uuid"]
    uuids = re.findall(r'"uuid": "([^"]+)"', json.dumps(second))
    assert len(set(uuids)) == len(uuids)


@pytest.mark.parametrize("name", ["run.json", "findings.json", "journal.jsonl"])
def test_a_run_without_its_files_is_refused_in_one_line(run: Path, name: str) -> None:
    (run / name).unlink()
    with pytest.raises(Unreadable, match=f"{name}.*is missing"):
        oscal.render(run_view.read(run))


def test_the_command_prints_all_three(drilled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = {}
    for form in (["controls"], ["controls", "--json"], ["oscal"], ["oscal", "--json"]):
        assert cli.main(["report", str(drilled), "--format", *form]) == 0
        told[" ".join(form)], err = capsys.readouterr()
        assert err == ""
    assert told["controls"].startswith("## ✅ PASS memory_loss")
    assert json.loads(told["controls --json"])["controls"][0]["satisfied"] is True
    assert wrong(json.loads(told["oscal"])) == []
    assert told["oscal"] == told["oscal --json"]  # made twice, by a run that was signed again in between
