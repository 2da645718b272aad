"""Evidence that is cut, edited or foreign is refused by file and line; never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.clock import Clock
from harness.core.errors import Unreadable
from harness.evidence import journal
from harness.evidence.journal import Journal


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    log = Journal(path, Clock())
    log.append("note", text="Überraschung")
    log.mark("T0")
    log.close()
    return path


def test_what_was_appended_is_read_back(written: Path) -> None:
    events = journal.read(written)
    assert [event.kind for event in events] == ["run", "note", "mark", "end"]
    assert events[1].data == {"text": "Überraschung"}


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (2, '{"seq":2}\n', "lacks"),
        (2, "not json\n", "not JSON"),
        (2, "[1]\n", "not a JSON object"),
        (2, "", "event 3 stands where 2 should"),
        (4, '{"seq":4', "cut off"),
        (3, '{"seq":3,"at_s":-1,"at":"","kind":"x","data":{}}\n', "back in time"),
        (1, '{"seq":1,"at_s":0,"at":"","kind":"other","data":{}}\n', "not a journal"),
        (1, '{"seq":1,"at_s":0,"at":"","kind":"run","data":{"schema":99}}\n', "newer"),
    ],
)
def test_a_spoilt_line_is_named(written: Path, line: int, text: str, says: str) -> None:
    lines = written.read_text().splitlines(keepends=True)
    lines[line - 1] = text
    written.write_text("".join(lines))
    with pytest.raises(Unreadable, match=says) as refused:
        journal.read(written)
    assert refused.value.line == line
    assert str(written) in str(refused.value)


def test_an_empty_or_missing_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("empty", "missing"):
        with pytest.raises(Unreadable):
            journal.read(tmp_path / name)
