"""What people say of a run: signed beside the evidence, printed as they wrote it, and never made up."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
from docx import Document
from docx.document import Document as Word
from memory import Memory
from oscal_schema import wrong

from harness import checks
from harness.cli import app as cli
from harness.core.errors import HarnessError, Misconfigured
from harness.core.json import mapping, text
from harness.core.model import Verdict
from harness.evidence import human, run_view
from harness.evidence.run_directory import read_json
from harness.evidence.signing import attestation, keys
from harness.evidence.signing.files import Directory
from harness.reports import after_action, poam
from harness.reports.after_action import OPEN, STEPS, AfterAction, Section
from harness.workflows import runner

SCHEMA = Path(__file__).with_name("oscal_poam_1.1.3.schema.json")
"""The definitions of the POA&M in NIST's complete schema of OSCAL 1.1.3."""

ABOUT = """
purpose = "Yearly test of the contingency plan"
system = "Shop, <b>production</b>"
asked_by = "A. Auditor"
run_by = "L. Lead"
approved_by = "B. Boss"
approved_on = 2026-11-30
ticket = "OPS-17"
plan = "ISCP"
revision = "4"
location = "Frankfurt"
scope = "All databases of the shop"
participants = ["L. Lead, platform", "D. Dev, shop"]
assumptions = ["The bucket is reachable"]
maximum_tolerable_downtime_s = 14400
"""
REVIEW = """
deviations = ["The lead was replaced"]
lessons = ["Write the ticket first"]
plan_changes = ["Section 4.2 names the new bucket"]

[[action]]
title = "Rotate the key of the bucket"
owner = "D. Dev"
due = 2026-12-31

[[action]]
title = "Write down who may restore"

[sign_off]
name = "B. Boss"
role = "System owner"
on = 2026-12-02
"""


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that passed, with what people said before it, signed at its end by a key that no test knows."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "about.toml").write_text(ABOUT)
    memory = Memory(folder)
    memory.drill(stores=("consul",), about=human.about(folder / "about.toml"))
    (memory.path / "findings.json").unlink()
    return memory.path


@pytest.fixture
def run(drilled: Path, tmp_path: Path) -> Path:
    """A copy of it, signed by this test's own key."""
    copy = Path(shutil.copytree(drilled, tmp_path / drilled.name))
    assert runner.conclude(copy, keys.signer()).verdict is Verdict.PASS
    return copy


@pytest.fixture
def review(tmp_path: Path) -> Path:
    file = tmp_path / "review.toml"
    file.write_text(REVIEW)
    return file


def report(run: Path) -> AfterAction:
    return after_action.read(run_view.read(run), keys.known())


def of(run: Path, title: str) -> Section:
    (section,) = (each for each in report(run).sections if each.title == title)
    return section


def reviewed(run: Path, review: Path) -> None:
    assert cli.main(["review", str(run), str(review)]) == 0


# ---------------------------------------------------------------- files that people write


def test_an_about_is_part_of_the_signed_run(run: Path) -> None:
    facts = read_json(run / "run.json")
    assert mapping(facts, "about")["run_by"] == "L. Lead"
    assert mapping(facts, "about")["approved_on"] == "2026-11-30"
    signed = attestation.verify(Directory(run)).evidence
    assert signed
    assert signed.files["run.json"] == hashlib.sha256((run / "run.json").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "says nothing"),
        ('purpse = "x"', "unknown key `purpse`"),
        ("purpose = 7", "`purpose` must be of type str"),
        ('approved_on = "2026-11-30"', "`approved_on` must be of type date"),
        ("approved_on = 2026-11-30T10:00:00Z", "`approved_on` must be of type date"),
        ("participants = [7]", "`participants` must be a list of strings"),
        ("maximum_tolerable_downtime_s = 0", "must be a number of seconds above 0"),
        ("purpose = ", "cannot be read"),
        ('purpose = "  "', "says nothing"),
    ],
)
def test_a_bad_about_is_refused_in_one_line(tmp_path: Path, words: str, why: str) -> None:
    file = tmp_path / "about.toml"
    file.write_text(words)
    with pytest.raises(Misconfigured) as refused:
        human.about(file)
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "says nothing"),
        ('[[action]]\nowner = "me"', "action 1: key `title` is missing"),
        ('[[action]]\ntitle = "a"\n[[action]]\ntitle = ""', "action 2: key `title` is empty"),
        ('[[action]]\ntitle = "a"\ndue = "soon"', "action 1: key `due` must be of type date"),
        ('action = ["a"]', "action 1: must be a table"),
        ('[sign_off]\nrole = "boss"', "sign_off: key `name` is missing"),
        ('approved_by = "me"', "unknown key"),
    ],
)
def test_a_bad_review_is_refused_in_one_line(tmp_path: Path, words: str, why: str) -> None:
    file = tmp_path / "review.toml"
    file.write_text(words)
    with pytest.raises(Misconfigured, match=why.replace("[", r"\[")):
        human.review(file)


def test_the_commands_take_it_and_refuse_it_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["run"], ["prove", "--bucket", "b"]):
        assert cli.main([*command, "--about", str(tmp_path / "none.toml"), "--runs", str(tmp_path / "runs")]) == 64
        assert "none.toml: cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


# ---------------------------------------------------------------- reviews


def test_a_review_is_a_statement_of_its_own_about_this_evidence(
    run: Path, review: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    reviewed(run, review)
    reviewed(run, review)
    assert {path: path.read_bytes() for path in before} == before
    found = attestation.verify(Directory(run))
    assert found.problems == ()
    assert [text(each.said, "said", "sign_off", "name") for each in found.reviews] == ["B. Boss"] * 2
    evidence = hashlib.sha256((run / attestation.EVIDENCE).read_bytes()).hexdigest()
    assert [each.files[attestation.EVIDENCE] for each in found.reviews] == [evidence] * 2
    assert "signed/review-1.dsse.json" in found.reviews[1].files
    capsys.readouterr()
    assert cli.main(["verify", str(run)]) == 0
    assert capsys.readouterr().out.count("review: ") == 2
    assert cli.main(["recheck", str(run)]) == 0  # judging again leaves them
    assert len(attestation.verify(Directory(run)).reviews) == 2


def test_a_run_that_is_not_what_was_signed_is_not_reviewed(
    run: Path, review: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (run / "journal.jsonl").open("a") as file:
        file.write("{}\n")
    assert cli.main(["review", str(run), str(review)]) == 2
    assert "journal.jsonl: was changed after it was signed" in capsys.readouterr().err
    assert not list(run.glob("signed/review*"))


def test_a_run_by_a_stranger_or_without_a_signature_is_not_reviewed(
    drilled: Path, tmp_path: Path, review: Path
) -> None:
    stranger = Path(shutil.copytree(drilled, tmp_path / "stranger"))
    runner.conclude(stranger, keys.fresh())
    unsigned = Path(shutil.copytree(drilled, tmp_path / "unsigned"))
    runner.finish(unsigned)
    for each in (stranger, unsigned):
        assert cli.main(["review", str(each), str(review)]) == 2
        assert not list(each.glob("signed/review*"))


def test_evidence_that_changed_since_its_review_is_said_loudly(
    run: Path, review: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviewed(run, review)
    with (run / "journal.jsonl").open("a") as file:
        file.write("{}\n")
    capsys.readouterr()
    assert cli.main(["verify", str(run)]) == 2
    assert "does NOT COUNT" in capsys.readouterr().out
    assert report(run).alarms[0].startswith("THE REVIEW DOES NOT COUNT")
    assert "THE REVIEW DOES NOT COUNT" in after_action.render(report(run))
    with pytest.raises(HarnessError, match="cannot be trusted"):
        poam.render(run_view.read(run), keys.known())


def test_a_review_of_other_evidence_says_nothing_of_this_one(
    run: Path, review: Path, drilled: Path, tmp_path: Path
) -> None:
    reviewed(run, review)
    other = Path(shutil.copytree(drilled, tmp_path / "other"))
    (other / "note.txt").write_text("another run")
    runner.conclude(other, keys.signer())
    for file in run.glob("signed/review-1.*"):
        shutil.copy(file, other / "signed")
    found = attestation.verify(Directory(other))
    assert [each.file for each in found.problems] == ["signed/review-1.dsse.json"]
    assert found.reviews == ()
    assert report(other).alarms[0].startswith("THE REVIEW DOES NOT COUNT")
    assert of(other, "Lessons").rows == (("Stated", OPEN),)


@pytest.mark.parametrize("gone", ["review-1.dsse.json", "review-1.pub", "review-2.pub"])
def test_a_review_that_was_taken_out_is_missed(run: Path, review: Path, gone: str) -> None:
    reviewed(run, review)
    reviewed(run, review)
    (run / "signed" / gone).unlink()
    assert any(gone == Path(each.file).name for each in attestation.verify(Directory(run)).problems)


def test_one_byte_of_a_review_is_seen(run: Path, review: Path) -> None:
    reviewed(run, review)
    path = run / "signed/review-1.dsse.json"
    path.write_bytes(path.read_bytes().replace(b"payload", b"paylaod", 1))
    assert attestation.verify(Directory(run)).problems
    path.write_bytes(b"[]")
    assert attestation.verify(Directory(run)).problems


def test_a_review_by_a_stranger_is_not_trusted(run: Path, review: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stranger = keys.fresh()
    attestation.sign_review(run, stranger, human.review(review), keys.known())
    assert cli.main(["verify", str(run)]) == 2
    assert f"signed by {stranger.public_key.keyid} (not known here)" in capsys.readouterr().err


def test_a_review_of_another_verdict_is_said_loudly(run: Path, review: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reviewed(run, review)
    view = run_view.read(run)
    monkeypatch.setattr(type(view), "verdict", property(lambda _: Verdict.UNKNOWN))
    (alarm,) = after_action.read(view, keys.known()).alarms
    assert "was of the verdict PASS" in alarm
    assert "now judged UNKNOWN" in alarm


# ---------------------------------------------------------------- the report

ORDER = (
    *("Purpose", "System", "Date", "Lead", "Participants", "Scope", "Assumptions", "Objectives", "Method", "Steps"),
    *("Recovery figures", "Deviations", "Action items", "Lessons", "Plan changes", "Approval"),
)


def test_it_has_all_sections_in_the_order_of_the_frameworks(run: Path) -> None:
    assert tuple(each.title for each in report(run).sections) == ORDER


def test_every_check_is_in_one_step_of_its_kind_of_run() -> None:
    for kind, asked in (("drill", checks.ALL), ("proof", checks.PROOF), ("move", checks.MOVE)):
        named = [check for step in STEPS[kind].values() for check in cast("list[str]", step["checks"])]
        assert sorted(named) == sorted({each.name for each in asked} | ({"noticed"} if kind == "drill" else set()))


def test_it_says_what_people_said_and_what_was_recorded(run: Path, review: Path) -> None:
    reviewed(run, review)
    assert of(run, "Purpose").rows[0] == ("Stated", "Yearly test of the contingency plan")
    assert of(run, "Lead").rows == (("Run by", "L. Lead"),)
    assert of(run, "Participants").rows == (("1", "L. Lead, platform"), ("2", "D. Dev, shop"))
    assert of(run, "Action items").rows == (
        ("Rotate the key of the bucket", "D. Dev", "2026-12-31"),
        ("Write down who may restore", OPEN, OPEN),
    )
    assert ("Stated", "The lead was replaced") in of(run, "Deviations").rows
    assert ("Review 1, signed off by", "B. Boss, System owner, 2026-12-02") in of(run, "Approval").rows
    steps = {row[0]: row[3] for row in of(run, "Steps").rows}
    assert tuple(steps) == tuple(STEPS["drill"])
    assert "damage-seen PASS" in steps["break"]
    assert "data-equal PASS" in steps["readback"]
    figures = {row[0].partition(" ")[0]: row[1:] for row in of(run, "Recovery figures").rows}
    assert {name: row[2] for name, row in figures.items()} == {"RTO": "met", "RPO": "met", "Downtime": "met"}
    assert figures["Downtime"][0] == "at most 240 min"
    assert report(run).alarms == ()


def test_what_nobody_said_is_to_be_filled_in_and_nothing_else_is_in_its_place(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "runs")
    memory.drill(stores=("consul",))
    runner.conclude(memory.path, keys.signer())
    assert "about" not in read_json(memory.path / "run.json")
    stated = {
        (section.title, row[0]) for section in report(memory.path).sections for row in section.rows if OPEN in row
    }
    assert stated >= {(title, "Stated") for title in ("Purpose", "System", "Scope", "Participants", "Assumptions")}
    assert stated >= {(title, "Stated") for title in ("Deviations", "Lessons", "Plan changes")}
    assert stated >= {("Lead", "Run by"), ("Action items", OPEN), ("Approval", "Signed off by")}
    assert ("Approval", "Approved before the run by") in stated
    mtd = of(memory.path, "Recovery figures").rows[-1]
    assert (mtd[1], mtd[3]) == (OPEN, "not judged")


def test_a_missed_objective_is_missed(run: Path) -> None:
    judged = json.loads((run / "findings.json").read_text())
    (run / "findings.json").write_text(json.dumps({**judged, "rto_s": 61, "objectives": {"rto_s": 60}}))
    rows = {row[0]: row for row in of(run, "Recovery figures").rows}
    assert rows["RTO"][3] == "MISSED"
    assert rows["RPO"][1:] == ("no objective", rows["RPO"][2], "not judged")


def test_html_is_escaped_and_offline(run: Path) -> None:
    page = after_action.render(report(run))
    assert "Shop, &lt;b&gt;production&lt;/b&gt;" in page
    assert "<b>production" not in page
    assert page.count("<h2") == len(ORDER)


def words(document: Word) -> list[str]:
    """All text of a Word document, in order."""
    return [each.text for each in document.element.body.iter() if each.tag.endswith("}t") and each.text]


def test_the_word_document_says_the_same_in_the_same_order(run: Path, review: Path, tmp_path: Path) -> None:
    reviewed(run, review)
    out = tmp_path / "drill.docx"
    assert cli.main(["report", str(run), "--format", "after-action", "--out", str(out)]) == 0
    document = Document(io.BytesIO(out.read_bytes()))
    headings = [
        each.text.partition(". ")[2] for each in document.paragraphs if each.style and each.style.name == "Heading 1"
    ]
    assert tuple(headings) == ORDER
    made = report(run)
    cells = [cell for section in made.sections for row in (section.heads, *section.rows) for cell in row]
    assert words(document)[-len(cells) - len(ORDER) :] == [
        word
        for number, section in enumerate(made.sections, 1)
        for word in (f"{number}. {section.title}", *section.heads, *(cell for row in section.rows for cell in row))
    ]
    with zipfile.ZipFile(out) as packed:
        assert packed.testzip() is None
        assert "http" not in packed.read("word/_rels/document.xml.rels").decode().replace("http://schemas", "")


def test_text_that_no_xml_can_hold_is_written_out(tmp_path: Path) -> None:
    hostile = "a\x00bc\u202ed<w:t>"
    memory = Memory(tmp_path / "runs")
    memory.drill(stores=("consul",), about={"purpose": hostile})
    runner.conclude(memory.path, keys.signer())
    document = Document(io.BytesIO(after_action.docx(report(memory.path))))
    (said,) = (each for each in words(document) if each.startswith("a\\x00"))
    assert said == "a\\x00bc\\u202ed<w:t>"


def test_html_to_a_file_and_to_the_terminal(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(run), "--format", "after-action"]) == 0
    printed = capsys.readouterr().out
    assert cli.main(["report", str(run), "--format", "after-action", "--out", str(tmp_path / "a.html")]) == 0
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert printed.startswith("<!doctype html>")
    assert cli.main(["report", str(run), "--out", str(tmp_path / "b")]) == 64
    assert cli.main(["report", str(run), "--format", "after-action", "--out", str(tmp_path)]) == 64


# ---------------------------------------------------------------- POA&M


def test_action_items_are_a_poam_by_nists_schema(run: Path, review: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(run), "--format", "poam"]) == 64
    assert "has no action items" in capsys.readouterr().err
    reviewed(run, review)
    capsys.readouterr()
    assert cli.main(["report", str(run), "--format", "poam"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert wrong(told, SCHEMA) == []
    plan: dict[str, Any] = told["plan-of-action-and-milestones"]
    assert [each["title"] for each in plan["poam-items"]] == [
        "Rotate the key of the bucket",
        "Write down who may restore",
    ]
    first, second = plan["risks"]
    assert first["deadline"] == "2026-12-31T23:59:59Z"
    assert "deadline" not in second
    (party,) = plan["metadata"]["parties"]
    (role,) = first["remediations"][0]["tasks"][0]["responsible-roles"]
    assert (party["name"], role["party-uuids"]) == ("D. Dev", [party["uuid"]])
    assert "responsible-roles" not in second["remediations"][0]["tasks"][0]
    plan["poam-items"][0]["uuid"] = "none"
    assert wrong(told, SCHEMA)
