"""A run directory that was cut, edited or mixed up is UNKNOWN, with the file named: never a PASS, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from memory import Memory

from harness.checks.judge import recheck
from harness.core.model import Event, Json
from harness.evidence import journal
from harness.evidence.journal import SCHEMA
from harness.evidence.ledger import fingerprint

BROKE = "the check itself broke"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that passed."""
    memory = Memory(tmp_path_factory.mktemp("good"))
    assert memory.drill(stores=("mysql", "postgres"), objectives={"rto_s": 60, "skew_s": 60})["verdict"] == "pass"
    return memory.path


def judge(run: Path) -> Mapping[str, Json]:
    document: Mapping[str, Json] = json.loads(recheck(run).read_text())
    assert BROKE not in str(document)
    return document


@pytest.fixture
def run(good: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(good, tmp_path / "run"))


def retold(run: Path, events: Iterator[Event]) -> None:
    """Let the journal say something else, with a chain that holds: as a newer drillproof, or a forger, might."""
    told = tuple(events)
    gone(run / "journal.jsonl")
    journal.write(run / "journal.jsonl", told)


def fingerprinted(run: Path, file: Path) -> Iterator[Event]:
    """The run's events, as if `file` had been what it is now."""
    for event in journal.read(run / "journal.jsonl"):
        ours = event.kind == "file" and event.data["name"] == file.name
        yield replace(event, data={"name": file.name, "sha256": fingerprint(file)}) if ours else event


def gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def a_folder(path: Path) -> None:
    gone(path)
    path.mkdir()


def a_pipe(path: Path) -> None:
    gone(path)
    os.mkfifo(path)


def a_line_less(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5] + lines[6:]))


def written(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text)

    write.__name__ = f"{text[:10]!r}"
    return write


EDITS = (
    gone,
    a_folder,
    a_pipe,
    a_line_less,
    *map(written, ("", "{", "[]", "{}", "\n", "[" * 100_000, '{"schema":NaN}')),
)
FILES = ("run.json", "journal.jsonl", "ledger/mysql.jsonl", "ledger/mysql@mysql-1.jsonl")


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("file", FILES)
def test_an_edited_file_is_unknown_and_named(run: Path, file: str, edit: Callable[[Path], None]) -> None:
    edit(run / file)
    document = judge(run)
    assert document["verdict"] == "unknown"
    assert str(run / file) in str(document["findings"])


@pytest.mark.parametrize(
    ("file", "other"),
    [("mysql.jsonl", "postgres.jsonl"), ("mysql@mysql-1.jsonl", "postgres@postgres-1.jsonl")],
)
def test_another_stores_ledger_is_unknown_and_named(run: Path, file: str, other: str) -> None:
    shutil.copyfile(run / "ledger" / other, run / "ledger" / file)
    document = judge(run)
    assert document["verdict"] == "unknown"
    assert f"{run}/ledger/{file}: is not what the drill wrote" in str(document["findings"])


def test_a_missing_ledger_is_unknown_for_each_member(run: Path) -> None:
    gone(run / "ledger")
    document = judge(run)
    findings = document["findings"]
    assert isinstance(findings, list)
    assert document["verdict"] == "unknown"
    assert (document["rpo_s"], document["skew_s"]) == (None, None)
    assert isinstance(document["rto_s"], float)
    for check in ("ledger-kept", "transfers-whole"):
        assert len([each for each in findings if each["check"] == check and each["verdict"] == "unknown"]) == 6


def test_what_one_member_lost_is_told_though_another_cannot_be_read(run: Path) -> None:
    rows = run / "ledger" / "mysql@mysql-1.jsonl"
    a_line_less(rows)
    retold(run, fingerprinted(run, rows))
    gone(run / "ledger" / "mysql@mysql-0.jsonl")
    document = judge(run)
    assert document["verdict"] == "fail"
    assert "1 lost before" in str(document["findings"])


FACTS: tuple[dict[str, Json], ...] = (
    {"stores": None},
    {"stores": {}},
    {"stores": ["mysql"]},
    {"stores": "mysql"},
    {"stores": {"mysql": "mysql-0"}},
    {"stores": {"mysql": []}},
    {"stores": {"mysql": ["mysql-0"], "postgres": []}},
    {"stores": {"mysql": [7]}},
    {"stores": {"mysql": ["mysql-0", "mysql-0"]}},
    {"stores": {"mysql": ["mysql-9"]}},
    {"stores": {"redis": ["redis-0"]}},
    {"objectives": None},
    {"objectives": "none"},
    {"objectives": {"rto_s": "60"}},
    {"objectives": {"rto_s": True}},
    {"objectives": {"rpo_s": [60]}},
    {"objectives": {"skew_s": {}}},
    {"schema": SCHEMA + 1},
    {"schema": str(SCHEMA)},
)


@pytest.mark.parametrize("facts", FACTS, ids=str)
def test_a_run_json_of_another_shape_is_not_passed(run: Path, facts: dict[str, Json]) -> None:
    file = run / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | facts))
    retold(run, fingerprinted(run, file))
    assert judge(run)["verdict"] != "pass"


ODD: st.SearchStrategy[Json] = st.sampled_from(
    [None, True, -1, 1.5, "", "x", [], {}, [[1]], {"x": [None]}, [{}], 10**30]
)


@given(st.data())
def test_events_of_odd_types_break_no_check(good: Path, data: st.DataObject) -> None:
    events = journal.read(good / "journal.jsonl")
    place = data.draw(st.integers(1, len(events) - 1))
    told = events[place].data
    assume(told)
    name = data.draw(st.sampled_from(sorted(told)))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(shutil.copytree(good, Path(folder) / "run"))
        odd = replace(events[place], data={**told, name: data.draw(ODD)})
        retold(run, iter([*events[:place], odd, *events[place + 1 :]]))
        judge(run)


@given(st.data(), st.sampled_from(FILES))
def test_no_edit_of_any_file_passes(good: Path, data: st.DataObject, file: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(shutil.copytree(good, Path(folder) / "run"))
        was = (run / file).read_bytes()
        start = data.draw(st.integers(0, 2**20)) % len(was)
        end = min(len(was), start + data.draw(st.integers(0, 300)))
        edited = was[:start] + data.draw(st.sampled_from([b"", b"0", b"\n", b"\r", b"}\n{", b"\xff", b'"'])) + was[end:]
        assume(edited != was)
        (run / file).write_bytes(edited)
        assert judge(run)["verdict"] == "unknown"
