"""The published schemas hold for what drills write, and refuse what they do not."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import in_memory
import pytest
import sample_runs
import xmlschema
from jsonschema import Draft202012Validator
from memory import Memory
from schemas import Document, lines, schema, wrong

from harness import reports
from harness.checks.judge import FINDINGS_SCHEMA, recheck
from harness.clusters.images.images import ImageRef
from harness.clusters.local import LocalEnvironment
from harness.core import resources
from harness.core.model import ExpectedFinding, Json
from harness.core.reason import Reason
from harness.evidence.journal import SCHEMA
from harness.workflows.drill import request
from harness.workflows.drill.scenario import Scenario
from harness.workflows.run_metadata import of_drill
from harness.workloads import custos

HARNESS = Path(__file__).parents[2] / "harness"
MISSING = ExpectedFinding("data-equal", Reason.PartMissing)


@pytest.mark.parametrize("name", ["findings", "run", "journal"])
def test_a_schema_is_one_itself_and_says_which_version_it_is_of(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    version = FINDINGS_SCHEMA if name == "findings" else SCHEMA
    assert schema(name)["$id"] == f"urn:drillproof:schema:{name}:{version}"


@pytest.mark.parametrize("name", ["matrix", "trend"])
def test_a_schema_of_many_runs_is_one_itself(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


# ---------------------------------------------------------------- what drills write


def test_what_drills_come_to_is_as_the_schema_says(memory: Memory) -> None:
    def lost(world: in_memory.World) -> None:
        world.members["mysql"]["mysql-1"].tables.popitem()

    def noticed(world: in_memory.World) -> Scenario:
        return Scenario(in_memory.MemoryLoss(world), expected_findings=(MISSING,))

    judged = [memory.drill(), memory.drill(lost), memory.drill(scenario=noticed), memory.drill(escaped=None)]
    assert [each["verdict"] for each in judged] == ["pass", "fail", "fail", "unknown"]
    for each in judged:
        assert wrong("findings", each) == []


@pytest.mark.parametrize("gone", ["run.json", "journal.jsonl", "ledger/mysql.jsonl"])
def test_findings_of_a_run_that_cannot_be_read_are_as_the_schema_says(memory: Memory, gone: str) -> None:
    memory.drill(stores=("mysql",))
    (memory.path / gone).unlink()
    judged = json.loads(recheck(memory.path).read_text())
    assert judged["verdict"] == "unknown"
    assert wrong("findings", judged) == []


def test_the_sample_is_as_the_schema_says() -> None:
    sample = Path(__file__).parents[2] / "reports" / "sample" / "findings.json"
    assert wrong("findings", json.loads(sample.read_text())) == []


def test_a_matrix_of_real_drills_is_as_the_schema_says() -> None:
    sample = json.loads((Path(__file__).parents[2] / "reports" / "sample" / "matrix.json").read_text())
    assert len(sample["rows"]) > 50
    assert wrong("matrix", sample) == []
    assert wrong("matrix", {**sample, "verdict": "green"}) != []


def test_every_line_of_a_journal_is_as_the_schema_says(memory: Memory) -> None:
    memory.drill()
    told = list(lines(memory.path))
    assert [problem for line in told for problem in wrong("journal", line)] == []
    assert len({line["kind"] for line in told}) > 18


def test_every_kind_of_event_that_is_written_is_in_the_schema() -> None:
    text = "".join(path.read_text() for path in HARNESS.rglob("*.py") if not path.name.startswith("bench"))
    written = set(re.findall(r"journal\.append\(\s*\"([a-z-]+)\"", text)) | {"mark"}
    assert len(written) > 20
    known = schema("journal")
    assert written <= set(known["properties"]["kind"]["enum"]), "describe it in reports/schema/journal.schema.json"
    assert set(known["properties"]["kind"]["enum"]) == {
        name.removeprefix("data of ") for name in known["$defs"] if name.startswith("data of ")
    }


class Supplied:
    """As much of `LocalEnvironment` as a run's facts need."""

    isolated = True

    def facts(self) -> dict[str, Json]:
        images = {"mysql": asdict(ImageRef("docker.io/library/mysql:9.7", "built", "267c47b82b24536b"))}
        return {
            "kubernetes": "v1.34.4",
            "docker": "26.1.5 (private)",
            "node image": "drillproof/node:1",
            "images": images,
        }


@pytest.fixture
def facts() -> Document:
    """What run.json says of every drill that there is."""
    about: Document = {"run_by": "me", "approved_on": "2026-11-30", "participants": ["me"]}
    (options,) = request.options((), after=["restore=x"], about=about)
    told = of_drill(options, custos.CUSTOS, cast("LocalEnvironment", Supplied()))
    return cast("Document", json.loads(json.dumps({"schema": SCHEMA, "scenario": options.scenario.name, **told})))


def test_run_json_is_as_the_schema_says(facts: Document) -> None:
    assert wrong("run", facts) == []
    facts["selftest"] = {"at": "2026", "commit": "", "stores": ["mysql"], "noticed": 1, "missed": []}
    assert wrong("run", facts) == []


# ---------------------------------------------------------------- what is refused


def objects(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every object in a document."""
    if isinstance(value, dict):
        yield path
        for key, each in value.items():
            yield from objects(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value[:2]):
            yield from objects(each, (*path, number))


def at(document: Document, path: tuple[str | int, ...]) -> Document:
    found: Any = document
    for key in path:
        found = found[key]
    return cast("Document", found)


def edits(document: Document, free: frozenset[str]) -> Iterator[tuple[str, Document]]:
    """The document with one field left out, added, or of another kind; `free` are objects whose names are data."""
    for path in objects(document):
        place = at(document, path)
        if path and path[-1] in free:
            continue
        for key in place:
            less = copy.deepcopy(document)
            del at(less, path)[key]
            yield f"{path} without {key}", less
            odd = copy.deepcopy(document)
            at(odd, path)[key] = [[]] if isinstance(place[key], dict) else {"odd": 1}
            yield f"{path} with an odd {key}", odd
        more = copy.deepcopy(document)
        at(more, path)["more"] = "x"
        yield f"{path} with one more", more


def allowed(name: str, document: Document, free: frozenset[str]) -> list[str]:
    assert wrong(name, document) == []
    made = list(edits(document, free))
    assert len(made) > 20
    return [what for what, edited in made if not wrong(name, edited)]


def test_no_edit_of_the_shape_of_findings_is_allowed(memory: Memory) -> None:
    judged = memory.drill(stores=("mysql",))
    free = frozenset({"marks", "ledger", "examples"})
    rest = allowed("findings", cast("Document", judged), free)
    # A missing leg or objective was not reached, or not requested; older releases did not list their checks.
    optional = ("('legs',) without", "('objectives',) without", "() without checks")
    assert all(what.startswith(optional) for what in rest), rest


def test_no_edit_of_the_shape_of_run_json_is_allowed(facts: Document) -> None:
    free = frozenset({"stores", "left_out", "images", "objects", "mysql", "postgres", "consul"})
    rest = allowed("run", facts, free)
    # A plan may come to know more, each of it yes or no; an objective that is not there is not asked for. An old run
    # names no lane, and not whose its objectives are. What people say of a run is optional, each part of it.
    known = (
        "('about',) without",
        "() without about",
        "('plan',)",
        "('objectives',) without",
        "('objectives_of',) without",
        "() without lane",
        "() without item_block_workers",
        "() without objectives_of",
    )
    assert all(what.startswith(known) for what in rest), rest


def test_no_edit_of_the_shape_of_an_event_is_allowed(memory: Memory) -> None:
    memory.drill(stores=("mysql",))
    free = frozenset({"parts", "fields", "accounts", "what", "hooks", "digests", "wrong", "keys", "reasons"})
    told = {line["kind"]: line for line in lines(memory.path)}
    for kind, line in told.items():
        rest = [what for what, edited in edits(line, free) if not wrong("journal", edited)]
        # A mark may say when it was; older runs name no reasons, fields and uploaders, and no volume is unnamed there.
        assert all(
            ("without at_s" in what and kind == "mark")
            or "'fields', " in what  # whose names are data, two levels deep
            or what.endswith(
                ("without reasons", "without objects", "without fields", "without uploader", "without unnamed")
            )
            for what in rest
        ), (kind, rest)
        assert wrong("journal", {**line, "kind": "other"})
        assert wrong("journal", {**line, "chain": line["chain"][:-1]})
        assert wrong("journal", {**line, "at": "yesterday"})


EDITS: tuple[Mapping[str, Json], ...] = (
    {"verdict": "pass"},
    {"verdict": "unknown"},
    {"verdict": "PASS"},
    {"findings": []},
    {"schema": SCHEMA - 1},
    {"rpo_s": -1},
    {"rpo_writes": 1.5},
    {"rto_s": "57.1"},
    {"marks": {"T10": 1}},
)


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_a_verdict_that_is_not_the_worst_of_its_findings_is_refused(memory: Memory, edit: Mapping[str, Json]) -> None:
    judged = memory.drill(escaped=1)
    assert judged["verdict"] == "fail"
    assert wrong("findings", judged) == []
    assert wrong("findings", {**judged, **edit})


# ---------------------------------------------------------------- JUnit


@pytest.fixture(scope="module")
def junit() -> xmlschema.XMLSchema:
    """What our junit.xml may hold: a part of what Jenkins' and Ant's readers take."""
    return xmlschema.XMLSchema(resources.folder("reports/schema") / "junit.xsd")


@pytest.mark.parametrize("sample", ["passed", "failed", "broken_off", "hostile"])
def test_junit_is_as_its_schema_says(tmp_path: Path, junit: xmlschema.XMLSchema, sample: str) -> None:
    made = getattr(sample_runs, sample)(tmp_path / "run")
    run = made if isinstance(made, Path) else made.write()
    reports.render(run)
    junit.validate(run / "junit.xml")


JUNIT_EDITS = (
    ('<testcase classname="namespace_loss"', "<testcase"),
    ('type="AcknowledgedWriteLost"', 'type="170 lost before"'),
    ("system-out", "skipped"),
    ('errors="1"', ""),
    ('errors="1"', 'errors="many"'),
    ('skipped="0"', 'skipped="1"'),
    ("<testsuites>", "<testsuites><properties/>"),
    ('time="', 'seconds="'),
)


@pytest.mark.parametrize(("old", "new"), JUNIT_EDITS)
def test_junit_of_another_shape_is_refused(tmp_path: Path, junit: xmlschema.XMLSchema, old: str, new: str) -> None:
    run = sample_runs.failed(tmp_path / "run")
    reports.render(run)
    text = (run / "junit.xml").read_text()
    assert old in text
    (run / "junit.xml").write_text(text.replace(old, new))
    assert not junit.is_valid(run / "junit.xml")
