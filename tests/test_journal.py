"""Evidence that is cut, edited or foreign is refused by file and line; never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import journal, ledger
from harness.clock import Clock
from harness.errors import Unreadable
from harness.journal import Journal
from harness.model import Row


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
    assert [event.kind for event in events] == ["run", "note", "mark"]
    assert events[1].data == {"text": "Überraschung"}


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (2, '{"seq":2}\n', "lacks"),
        (2, "not json\n", "not JSON"),
        (2, "[1]\n", "not a JSON object"),
        (2, "", "event 3 stands where 2 should"),
        (3, '{"seq":3', "cut off"),
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


LEDGER = (
    '{"n":1,"verb":"put","key":"a","value":"1-x","at_s":1.0}\n'
    '{"n":1,"answer":"ok","at_s":1.1}\n'
    '{"n":2,"verb":"put","key":"b","value":"2-x","at_s":1.2}\n'
)


def test_a_write_without_an_answer_at_the_end_is_unanswered(tmp_path: Path) -> None:
    path = tmp_path / "mysql.jsonl"
    path.write_text(LEDGER)
    assert [attempt.answer for attempt in ledger.read_attempts(path)] == [ledger.ACKNOWLEDGED, ledger.UNANSWERED]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (LEDGER + '{"n":3,"verb":"put","key":"c","value":"3-x","at_s":1.3}\n', 4),
        (LEDGER + '{"n":9,"answer":"ok","at_s":1.3}\n', 4),
        (LEDGER + '{"n":2,"answer":"perhaps","at_s":1.3}\n', 4),
        (LEDGER + '{"what":1}\n', 4),
    ],
)
def test_a_ledger_with_a_line_taken_out_is_refused(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "mysql.jsonl"
    path.write_text(text)
    with pytest.raises(Unreadable) as refused:
        list(ledger.read_attempts(path))
    assert refused.value.line == line


def test_rows_survive_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [Row(1, "k1", "1-ü"), Row(2, "k2", "")]
    assert ledger.write_rows(path, iter(rows)) == 2
    assert list(ledger.read_rows(path)) == rows
