"""Run directories and settings from outside: whatever they hold, a verdict or one clear line, and never a traceback.

`make fuzz` tries thousands of them, in place of a few.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import cast

import pytest
from fuzz import FUZZ, JSON, spoilt
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli import app as cli
from harness.clusters import permissions_file
from harness.core.errors import HarnessError, Unreadable
from harness.core.model import Event, Json
from harness.evidence import journal
from harness.evidence.signing.files import Bundle

OLD = Path(__file__).parent / "old_runs"
SLOW = settings(FUZZ, max_examples=max(4, FUZZ.max_examples // 10), deadline=60_000)
"""Each of its examples runs six commands, of at most ten seconds each."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A proof's run, which is small."""
    folder = tmp_path_factory.mktemp("good")
    Bundle(OLD / "proof.zip").unpack(folder)
    return next(each.parent for each in folder.rglob("journal.jsonl"))


def answered(good: Path, file: str, content: bytes) -> None:
    """Every command that reads runs gives a verdict, or one line, of a run with this file."""
    with tempfile.TemporaryDirectory() as name:
        runs = Path(name)
        run = Path(shutil.copytree(good, runs / "20261130T192901Z-prove"))
        (run / file).write_bytes(content)
        for words in (
            ["verify", str(run)],
            ["recheck", str(run)],
            ["report", str(run)],
            *([command, "--runs", str(runs), "--json"] for command in ("runs", "trend", "compare")),
        ):
            said = io.StringIO()
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                code = cli.main(words)
            heard = said.getvalue()
            assert code in {0, 1, 2, 64}, (words, code, heard)
            assert "Traceback" not in heard, (words, heard)
            assert "internal error" not in heard, (words, heard)


@SLOW
@given(data=st.data(), file=st.sampled_from(["run.json", "findings.json", "signed/evidence.dsse.json"]))
def test_documents_with_any_value_anywhere(good: Path, data: st.DataObject, file: str) -> None:
    document: Json = json.loads((good / file).read_text())
    (spoilt_one, *_) = (*data.draw(spoilt([document])), None)
    answered(good, file, json.dumps(spoilt_one).encode("utf-8", "replace"))


@SLOW
@given(data=st.data())
def test_events_with_any_value_anywhere_in_an_unbroken_journal(good: Path, data: st.DataObject) -> None:
    events = list(journal.read(good / "journal.jsonl"))
    number = data.draw(st.integers(0, len(events) - 1))
    event = events[number]
    (changed, *_) = (*data.draw(spoilt([cast("Json", dict(event.data))])), {})
    if data.draw(st.booleans()) and isinstance(changed, dict):
        events[number] = Event(event.seq, event.at_s, event.at, event.kind, changed)
    else:
        del events[number]
        events = [Event(n, each.at_s, each.at, each.kind, each.data) for n, each in enumerate(events, 1)]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "journal.jsonl"
        journal.write(path, events)
        answered(good, "journal.jsonl", path.read_bytes())


FILES = ("run.json", "findings.json", "journal.jsonl", "signed/evidence.dsse.json", "signed/verdict.pub")


@SLOW
@given(file=st.sampled_from(FILES), content=st.binary(max_size=200), number=st.integers(0, 5000))
def test_files_of_any_bytes(good: Path, file: str, content: bytes, number: int) -> None:
    whole = (good / file).read_bytes()
    answered(good, file, whole[:number] + content + whole[number + len(content) :])


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_nested_too_deeply(good: Path, file: str) -> None:
    answered(good, file, b'{"a":' * 100_000)


@pytest.mark.parametrize("kind", ["journal.jsonl", "findings.json"])
def test_a_document_of_more_values_than_memory_is_one_line(good: Path, kind: str) -> None:
    lists = b"[" + b"[]," * 4_100_000 + b"[]]"
    with tempfile.TemporaryDirectory() as name:
        run = Path(shutil.copytree(good, Path(name) / "run"))
        (run / kind).write_bytes(b'{"seq":1,"at_s":0,"at":"","kind":"run","data":{"a":' + lists + b"}}\n")
        with pytest.raises(Unreadable, match="too many values"):
            journal.document(run / kind)
        with pytest.raises(Unreadable, match="too many values"):
            journal.read(run / kind)


def test_a_journal_of_more_events_than_memory_is_one_line(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MAX_EVENTS", 50)
    line = (good / "journal.jsonl").read_bytes().splitlines(keepends=True)[0]
    (tmp_path / "journal.jsonl").write_bytes(line + b'{"seq":2,"at_s":0,"at":"","kind":"x","data":{}}\n' * 50)
    with pytest.raises(Unreadable, match="has more than 50 events"):
        journal.read(tmp_path / "journal.jsonl")
    assert len(journal.before_damage(tmp_path / "journal.jsonl")) == 50


SETTINGS = """
migrate = ["a", "b"]
[[prove]]
context = "staging"
namespace = "proofs"
storage_class = "gp3"
[[context]]
context = "staging"
namespace = "shop"
storage_class = "gp3"
bucket = "drills/a"
endpoint = "https://s3.example.org"
"""
KEYS = [number for number, line in enumerate(SETTINGS.splitlines()) if "=" in line]


@FUZZ
@given(
    content=st.binary(max_size=100),
    value=JSON.filter(lambda each: not isinstance(each, dict) and each is not None),
    number=st.sampled_from(KEYS),
)
def test_permissions_of_any_value_or_bytes(content: bytes, value: Json, number: int) -> None:
    lines = SETTINGS.splitlines()
    lines[number] = f"{lines[number].partition('=')[0]}= {json.dumps(value)}"
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "drillproof.toml"
        for each in (content, "\n".join(lines).encode("utf-8", "replace"), SETTINGS.encode() + content):
            path.write_bytes(each)
            for ask in (
                lambda: permissions_file.allowed_drill("staging", path),
                lambda: permissions_file.allowed_proof("staging", path),
                lambda: permissions_file.require_migration(("a", "b"), path),
            ):
                with contextlib.suppress(HarnessError):
                    ask()
